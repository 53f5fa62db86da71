import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentCaller, READERS, RESEARCHERS, type Caller } from '../auth/principal.js';
import { IdPipe } from '../problems/id.pipe.js';
import { ApiProblems } from '../problems/responses.js';
import {
  EventPageDto,
  ForkRunDto,
  ListEventsDto,
  ListRunsDto,
  MetricsDto,
  MetricsQueryDto,
  RunDetailDto,
  RunIdDto,
  RunPageDto,
  RunStatusDto,
  SimulatedLabelersDto,
  SimulatedLabelersRequestDto,
  StartRunDto,
} from './dto/runs.dto.js';
import { RunsService } from './runs.service.js';

@ApiTags('runs')
@Controller('runs')
@Allow(...READERS)
export class RunsController {
  constructor(private readonly runs: RunsService) {}

  @Get()
  @ApiOkResponse({ type: RunPageDto, description: 'Newest first' })
  @ApiProblems(401, 403, 422)
  list(@Query() { cursor, limit }: ListRunsDto): Promise<RunPageDto> {
    return this.runs.list(cursor, limit);
  }

  @Post()
  @Allow(...RESEARCHERS)
  @ApiCreatedResponse({ type: RunIdDto })
  @ApiProblems(401, 403, 422, 503)
  async start(@CurrentCaller() caller: Caller, @Body() request: StartRunDto): Promise<RunIdDto> {
    return { runId: await this.runs.start(request, caller) };
  }

  @Get(':id')
  @ApiOkResponse({ type: RunDetailDto })
  @ApiProblems(401, 403, 404)
  detail(@Param('id', IdPipe) id: string): Promise<RunDetailDto> {
    return this.runs.detail(id);
  }

  @Get(':id/metrics')
  @ApiOkResponse({ type: MetricsDto, description: 'The curves of a run' })
  @ApiProblems(401, 403, 404, 422)
  async metrics(@Param('id', IdPipe) id: string, @Query() { step }: MetricsQueryDto): Promise<MetricsDto> {
    return { series: await this.runs.metrics(id, step) };
  }

  @Get(':id/events')
  @ApiOkResponse({ type: EventPageDto, description: 'What happened, oldest first' })
  @ApiProblems(401, 403, 404, 422)
  events(@Param('id', IdPipe) id: string, @Query() { cursor, limit }: ListEventsDto): Promise<EventPageDto> {
    return this.runs.events(id, cursor, limit);
  }

  @Post(':id/pause')
  @Allow(...RESEARCHERS)
  @HttpCode(200)
  @ApiOkResponse({ type: RunStatusDto, description: 'It pauses at its next checkpoint' })
  @ApiProblems(401, 403, 404, 409, 503)
  async pause(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<RunStatusDto> {
    return { status: await this.runs.pause(id, caller) };
  }

  @Post(':id/resume')
  @Allow(...RESEARCHERS)
  @HttpCode(200)
  @ApiOkResponse({ type: RunStatusDto })
  @ApiProblems(401, 403, 404, 409, 503)
  async resume(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<RunStatusDto> {
    return { status: await this.runs.resume(id, caller) };
  }

  @Post(':id/cancel')
  @Allow(...RESEARCHERS)
  @HttpCode(200)
  @ApiOkResponse({ type: RunStatusDto })
  @ApiProblems(401, 403, 404, 409, 503)
  async cancel(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<RunStatusDto> {
    return { status: await this.runs.cancel(id, caller) };
  }

  @Post(':id/fork')
  @Allow(...RESEARCHERS)
  @ApiCreatedResponse({ type: RunIdDto, description: 'A new run that reuses all earlier steps' })
  @ApiProblems(401, 403, 404, 409, 422, 503)
  async fork(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() request: ForkRunDto,
  ): Promise<RunIdDto> {
    return { runId: await this.runs.fork(id, request, caller) };
  }

  @Post(':id/simulated-labelers')
  @Allow(...RESEARCHERS)
  @ApiCreatedResponse({
    type: SimulatedLabelersDto,
    description: 'Accounts that may label this run and nothing else',
  })
  @ApiProblems(401, 403, 404, 409, 422)
  async simulatedLabelers(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() { count }: SimulatedLabelersRequestDto,
  ): Promise<SimulatedLabelersDto> {
    return { labelers: await this.runs.addSimulatedLabelers(id, count, caller) };
  }
}
