import { Controller, Get, Header, Inject, Param, Res, StreamableFile } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiProduces,
  ApiProperty,
  ApiTags,
  ApiExtraModels,
  getSchemaPath,
} from '@nestjs/swagger';
import type { ArtifactStore } from '@plumbline/artifacts';
import { findArtifact, getRun, type ArtifactRecord } from '@plumbline/database';
import type { Response } from 'express';
import { DataSource } from 'typeorm';
import { Allow, READERS } from '../auth/principal.js';
import { IdPipe } from '../problems/id.pipe.js';
import { ProblemError } from '../problems/problem.js';
import { ApiProblems } from '../problems/responses.js';
import { ARTIFACT_STORE } from './artifact-store.token.js';

export class ProducerDto {
  @ApiProperty({ format: 'uuid' }) runId!: string;
  @ApiProperty({ type: String, nullable: true, description: 'null: made by the run as a whole' }) step!:
    string | null;
}

@ApiExtraModels(ProducerDto)
export class ArtifactDto {
  @ApiProperty({ description: 'SHA-256 of the content' }) id!: string;
  @ApiProperty({ example: 'checkpoint' }) kind!: string;
  @ApiProperty({ example: 'application/json' }) mediaType!: string;
  @ApiProperty({ type: 'integer' }) bytes!: number;
  @ApiProperty({ type: 'string', format: 'date-time' }) createdAt!: string;
  @ApiProperty({ oneOf: [{ $ref: getSchemaPath(ProducerDto) }], nullable: true })
  producedBy!: ProducerDto | null;
}

/** Content named by its hash never changes. */
const FOR_EVER = 'private, max-age=31536000, immutable';
/** An artifact that a browser opens must not act as this site. */
const INERT = `sandbox; default-src 'none'`;
/** The report draws itself with inline scripts and styles, in an origin of its own, without any network. */
const REPORT = `sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'`;

@ApiTags('artifacts')
@Controller()
@Allow(...READERS)
export class ArtifactsController {
  constructor(
    private readonly database: DataSource,
    @Inject(ARTIFACT_STORE) private readonly store: ArtifactStore,
  ) {}

  @Get('artifacts/:id')
  @ApiOkResponse({ type: ArtifactDto })
  @ApiProblems(401, 403, 404)
  async describe(@Param('id') id: string): Promise<ArtifactDto> {
    const { createdAt, producedBy, ...artifact } = await this.find(id);
    return { ...artifact, createdAt: createdAt.toISOString(), producedBy };
  }

  @Get('artifacts/:id/content')
  @Header('Cache-Control', FOR_EVER)
  @Header('Content-Security-Policy', INERT)
  @ApiProduces('application/octet-stream')
  @ApiOkResponse({
    schema: { type: 'string', format: 'binary' },
    description: 'The bytes, checked against the id',
  })
  @ApiProblems(401, 403, 404)
  async content(
    @Param('id') id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const { mediaType } = await this.find(id);
    return this.send(response, id, mediaType, id);
  }

  @Get('runs/:id/report.json')
  @ApiOkResponse({
    schema: { type: 'object', additionalProperties: true },
    description: 'The report as data',
  })
  @ApiProblems(401, 403, 404)
  async reportJson(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const { reportJson } = await getRun(this.database, id);
    return this.send(response, present(reportJson, `run ${id} has no report yet`), 'application/json');
  }

  @Get('runs/:id/report.html')
  @Header('Content-Security-Policy', REPORT)
  @ApiProduces('text/html')
  @ApiOkResponse({ schema: { type: 'string' }, description: 'The report as one self-contained page' })
  @ApiProblems(401, 403, 404)
  async reportHtml(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const { reportHtml } = await getRun(this.database, id);
    return this.send(
      response,
      present(reportHtml, `run ${id} has no report yet`),
      'text/html; charset=utf-8',
    );
  }

  @Get('runs/:id/history')
  @ApiOkResponse({
    schema: { type: 'object', additionalProperties: true },
    description: 'The archived histories of the run’s workflows',
  })
  @ApiProblems(401, 403, 404)
  async history(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile> {
    const { historyArtifact } = await getRun(this.database, id);
    const artifact = present(historyArtifact, `the history of run ${id} is not archived yet`);
    return this.send(response, artifact, 'application/json');
  }

  private async find(id: string): Promise<ArtifactRecord> {
    const artifact = /^[0-9a-f]{64}$/.test(id) ? await findArtifact(this.database, id) : null;
    return present(artifact, `there is no artifact ${id}`);
  }

  /** @param attachment file name to be saved under; absent: to be shown */
  private async send(
    response: Response,
    id: string,
    mediaType: string,
    attachment?: string,
  ): Promise<StreamableFile> {
    const content = await this.store.get(id);
    response.setHeader('ETag', `"${id}"`);
    return new StreamableFile(content, {
      type: mediaType,
      length: content.byteLength,
      ...(attachment === undefined ? {} : { disposition: `attachment; filename="${attachment}"` }),
    });
  }
}

function present<T>(value: T | null, otherwise: string): T {
  if (value === null) throw new ProblemError('not-found', otherwise);
  return value;
}
