import { Readable } from 'node:stream';
import { Controller, Get, Param, Post, Query, Req, StreamableFile } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import type { Request } from 'express';
import { Allow, CurrentCaller, READERS, RESEARCHERS, type Caller } from '../auth/principal.js';
import { IdPipe } from '../problems/id.pipe.js';
import { ApiProblems } from '../problems/responses.js';
import { ImportSourceDto, PreferenceImportDto } from './preferences.dto.js';
import { PreferencesService } from './preferences.service.js';

const JSON_LINES = 'application/x-ndjson';
const FILE = { schema: { type: 'string', format: 'binary' } } as const;

@ApiTags('preferences')
@Controller()
export class PreferencesController {
  constructor(private readonly preferences: PreferencesService) {}

  @Post('preference-imports')
  @Allow(...RESEARCHERS)
  @ApiConsumes(JSON_LINES)
  @ApiBody({ ...FILE, description: 'A Plumbline preference file with the tokens of the model’s tokenizer' })
  @ApiCreatedResponse({ type: PreferenceImportDto, description: 'All of it, or nothing' })
  @ApiProblems(401, 403, 422)
  import(
    @CurrentCaller() caller: Caller,
    @Query() source: ImportSourceDto,
    @Req() request: Request,
  ): Promise<PreferenceImportDto> {
    return this.preferences.import(source, request, caller);
  }

  @Get('runs/:id/preferences')
  @Allow(...READERS)
  @ApiProduces(JSON_LINES)
  @ApiOkResponse({
    ...FILE,
    description: 'The judgements that the run collected or was given, as a Plumbline preference file',
  })
  @ApiProblems(401, 403, 404, 409)
  async export(@Param('id', IdPipe) id: string): Promise<StreamableFile> {
    return new StreamableFile(Readable.from(await this.preferences.export(id)), { type: JSON_LINES });
  }
}
