import { ApiProperty, ApiPropertyOptional, getSchemaPath, ApiExtraModels } from '@nestjs/swagger';
import type { Message } from '@plumbline/contracts';
import { IsIn, IsInt, IsObject, IsOptional, IsString, IsUUID, Length, Max, Min } from 'class-validator';

export class NextTaskRequestDto {
  @ApiProperty({ required: false, format: 'uuid', description: 'Only comparisons of this run' })
  @IsOptional()
  @IsUUID()
  runId?: string;
}

export class LabelingProgressDto {
  @ApiProperty({ type: 'integer', description: 'Judgements by the one who asks' }) judgedByMe!: number;
  @ApiProperty({ type: 'integer' }) judged!: number;
  @ApiProperty({ type: 'integer' }) required!: number;
}

export class TextPartDto {
  @ApiProperty({ enum: ['text'] }) type!: 'text';
  @ApiProperty() text!: string;
}

export class MessageDto {
  @ApiProperty({ enum: ['system', 'user', 'assistant', 'document'] }) role!: Message['role'];
  @ApiProperty({ type: [TextPartDto] }) parts!: TextPartDto[];
}

export class TaskResponseDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ description: 'SHA-256 of the comparison and the place of the response in it' }) key!: string;
  @ApiProperty() text!: string;
}

export class GuidelineDto {
  @ApiProperty({ type: 'integer' }) version!: number;
  @ApiProperty() text!: string;
}

export class TaskDto {
  @ApiProperty({ format: 'uuid' }) slotId!: string;
  @ApiProperty({ format: 'uuid' }) runId!: string;
  @ApiProperty() runName!: string;
  @ApiProperty({ format: 'uuid' }) comparisonId!: string;
  @ApiProperty({ description: 'SHA-256 of the prompt and the responses' }) comparisonKey!: string;
  @ApiProperty({ type: 'integer', description: 'Overlap slot of the comparison, 0-based' }) ordinal!: number;
  @ApiProperty({ type: 'integer', description: "The run's seed" }) seed!: number;
  @ApiProperty({ type: [MessageDto] }) prompt!: MessageDto[];
  @ApiProperty({ type: [TaskResponseDto], description: 'In the order to be shown' })
  responses!: TaskResponseDto[];
  @ApiProperty({ type: GuidelineDto }) guideline!: GuidelineDto;
  @ApiProperty({ type: 'string', format: 'date-time' }) leaseExpiresAt!: string;
}

@ApiExtraModels(TaskDto)
export class NextTaskDto {
  @ApiProperty({
    oneOf: [{ $ref: getSchemaPath(TaskDto) }],
    nullable: true,
    description: 'null: nothing to judge now',
  })
  task!: TaskDto | null;
  @ApiProperty({ type: LabelingProgressDto }) progress!: LabelingProgressDto;
}

export const VERDICTS = ['ranked', 'tie', 'both_bad'] as const;

export class JudgementRequestDto {
  @ApiProperty({ enum: VERDICTS }) @IsIn(VERDICTS) outcome!: (typeof VERDICTS)[number];

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'integer', minimum: 1 },
    description: 'Response id to rank, 1 = best; present exactly when the outcome is `ranked`',
  })
  @IsOptional()
  @IsObject()
  ranks?: Record<string, number>;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'From display to decision, milliseconds' })
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  durationMs!: number;
}

export class SkipRequestDto {
  @ApiProperty({ required: false, maxLength: 1000 })
  @IsOptional()
  @IsString()
  @Length(1, 1000)
  reason?: string;
}

export class JudgementAnswerDto {
  @ApiProperty({ format: 'uuid' }) judgementId!: string;
  @ApiProperty({ type: LabelingProgressDto }) progress!: LabelingProgressDto;
}
