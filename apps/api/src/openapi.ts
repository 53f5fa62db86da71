import { tmpdir } from 'node:os';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { FileArtifactStore } from '@plumbline/artifacts';
import { createDataSource } from '@plumbline/database';
import { API_PREFIX } from './api-prefix.js';
import { AppModule } from './app.module.js';
import { SESSION_COOKIE } from './auth/authentication.guard.js';
import { Problem } from './problems/problem.js';
import { Workflows } from './runs/workflows.js';

/** The OpenAPI document of the whole API. */
export function describeApi(application: INestApplication): OpenAPIObject {
  const description = new DocumentBuilder()
    .setTitle('Plumbline')
    .setDescription(
      'Errors are RFC 9457 problem documents. Browsers hold a session cookie and send X-CSRF-Token with writes; ' +
        'programs send a bearer token.',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer' })
    .addCookieAuth(SESSION_COOKIE)
    .build();
  return SwaggerModule.createDocument(application, description, {
    extraModels: [Problem],
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
}

/** Serves the document at /docs/openapi.json and a page to try it at /docs. */
export function serveDocumentation(application: INestApplication): void {
  SwaggerModule.setup('docs', application, () => describeApi(application), {
    jsonDocumentUrl: 'docs/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Plumbline API',
  });
}

/** The document without any service running: nothing is connected until a request comes. */
export async function describeUnconnectedApi(): Promise<OpenAPIObject> {
  const dependencies = {
    database: createDataSource({ url: 'postgres://nobody@127.0.0.1:1/none' }),
    artifacts: new FileArtifactStore(tmpdir()),
    workflows: new Workflows('127.0.0.1:1'),
  };
  const application = await NestFactory.create(AppModule.with(dependencies), {
    logger: false,
    abortOnError: false,
  });
  application.setGlobalPrefix(API_PREFIX);
  await application.init();
  try {
    return describeApi(application);
  } finally {
    await application.close();
  }
}
