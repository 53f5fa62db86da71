import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import cookieParser from 'cookie-parser';
import helmet from 'helmet';
import { API_PREFIX } from './api-prefix.js';
import { AppModule, type ApiDependencies } from './app.module.js';
import { serveDocumentation } from './openapi.js';
import { serveWebApp } from './web/serve-web-app.js';

export interface ApplicationOptions {
  /** Where the built web app is. */
  readonly webDirectory: string;
}

/** The API, complete but not yet listening. Closing it leaves the database to its owner. */
export async function createApplication(
  dependencies: ApiDependencies,
  { webDirectory }: ApplicationOptions,
): Promise<NestExpressApplication> {
  const application = await NestFactory.create<NestExpressApplication>(AppModule.with(dependencies), {
    logger: ['error', 'warn', 'fatal'],
    abortOnError: false,
  });
  application.setGlobalPrefix(API_PREFIX);
  application.disable('x-powered-by');
  application.set('etag', false);
  application.use(
    helmet({
      contentSecurityPolicy: {
        directives: {
          'style-src': [`'self'`, `'unsafe-inline'`],
          'font-src': [`'self'`, 'data:'],
          'frame-ancestors': [`'self'`],
          // Plumbline is served without TLS on the loopback interface.
          'upgrade-insecure-requests': null,
        },
      },
      strictTransportSecurity: false,
    }),
  );
  application.use(cookieParser());
  serveWebApp(application, webDirectory);
  serveDocumentation(application);
  return application;
}
