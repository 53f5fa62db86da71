import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { AcceptRunTokens, Allow, CurrentCaller, LABELERS, type Caller } from '../auth/principal.js';
import { IdPipe } from '../problems/id.pipe.js';
import { ApiProblems } from '../problems/responses.js';
import {
  JudgementAnswerDto,
  JudgementRequestDto,
  LabelingProgressDto,
  NextTaskDto,
  NextTaskRequestDto,
  SkipRequestDto,
} from './dto/labeling.dto.js';
import { ApiIdempotencyKey, IdempotencyKey } from './idempotency-key.js';
import { LabelingService } from './labeling.service.js';

@ApiTags('labeling')
@Controller('labeling')
@Allow(...LABELERS)
@AcceptRunTokens()
export class LabelingController {
  constructor(private readonly labeling: LabelingService) {}

  @Post('tasks/next')
  @HttpCode(200)
  @ApiOkResponse({
    type: NextTaskDto,
    description: 'A comparison leased to the caller: the one they hold, or a new one',
  })
  @ApiProblems(401, 403, 422)
  next(@CurrentCaller() caller: Caller, @Body() { runId }: NextTaskRequestDto): Promise<NextTaskDto> {
    return this.labeling.next(caller, runId ?? null);
  }

  @Post('slots/:slotId/judgement')
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ type: JudgementAnswerDto })
  @ApiProblems(401, 403, 404, 409, 422)
  judge(
    @CurrentCaller() caller: Caller,
    @Param('slotId', IdPipe) slotId: string,
    @IdempotencyKey() idempotencyKey: string,
    @Body() body: JudgementRequestDto,
  ): Promise<JudgementAnswerDto> {
    return this.labeling.judge(caller, slotId, idempotencyKey, body);
  }

  @Post('slots/:slotId/skip')
  @ApiIdempotencyKey()
  @ApiCreatedResponse({
    type: JudgementAnswerDto,
    description: 'Skipped for good; somebody else will be asked',
  })
  @ApiProblems(401, 403, 404, 409, 422)
  skip(
    @CurrentCaller() caller: Caller,
    @Param('slotId', IdPipe) slotId: string,
    @IdempotencyKey() idempotencyKey: string,
    @Body() { reason }: SkipRequestDto,
  ): Promise<JudgementAnswerDto> {
    return this.labeling.skip(caller, slotId, idempotencyKey, reason ?? null);
  }

  @Get('progress')
  @ApiOkResponse({ type: LabelingProgressDto, description: 'Of one run, or of all that wait for people' })
  @ApiProblems(401, 403, 422)
  progress(
    @CurrentCaller() caller: Caller,
    @Query() { runId }: NextTaskRequestDto,
  ): Promise<LabelingProgressDto> {
    return this.labeling.progress(caller, runId ?? null);
  }
}
