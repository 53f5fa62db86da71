import { ApiProperty, ApiPropertyOptional, ApiExtraModels, getSchemaPath } from '@nestjs/swagger';
import {
  MAXIMUM_SIMULATED_LABELERS,
  STATUSES,
  STEP_NAMES,
  WARNING_KINDS,
  type Status,
  type StepName,
  type WarningKind,
} from '@plumbline/contracts';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsDefined,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';

export class OverrideDto {
  @ApiProperty({ example: 'optimise.kl.target' }) @IsString() @Length(1, 200) path!: string;
  @ApiProperty({ oneOf: [{}], description: 'Any JSON value' })
  @ValidateIf(({ value }: OverrideDto) => value !== null)
  @IsDefined()
  value!: unknown;
}

export class StartRunDto {
  @ApiPropertyOptional({ example: 'smoke', description: 'Either this or `configuration`' })
  @IsOptional()
  @IsString()
  @Length(1, 100)
  preset?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @IsOptional()
  @IsObject()
  configuration?: Record<string, unknown>;

  @ApiPropertyOptional({ type: [OverrideDto], description: 'Applied before validation' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => OverrideDto)
  overrides?: OverrideDto[];
}

export class ForkRunDto {
  @ApiProperty({ enum: STEP_NAMES, enumName: 'StepName', description: 'First step to execute anew' })
  @IsIn(STEP_NAMES)
  from!: StepName;

  @ApiPropertyOptional({ type: [OverrideDto] })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => OverrideDto)
  overrides?: OverrideDto[];
}

export class ListRunsDto {
  @ApiPropertyOptional({ description: 'nextCursor of the page before' })
  @IsOptional()
  @IsString()
  @Length(1, 500)
  cursor?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 200, default: 50 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit: number = 50;
}

export class ListEventsDto {
  @ApiPropertyOptional({ description: 'nextCursor of the page before' })
  @IsOptional()
  @Matches(/^\d{1,18}$/, { message: 'must be a cursor that a page of events gave' })
  cursor?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 500, default: 100 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit: number = 100;
}

export class MetricsQueryDto {
  @ApiPropertyOptional({ enum: STEP_NAMES, enumName: 'StepName' })
  @IsOptional()
  @IsIn(STEP_NAMES)
  step?: StepName;
}

export class SimulatedLabelersRequestDto {
  @ApiProperty({ type: 'integer', minimum: 1, maximum: MAXIMUM_SIMULATED_LABELERS })
  @IsInt()
  @Min(1)
  @Max(MAXIMUM_SIMULATED_LABELERS)
  count!: number;
}

export class RunIdDto {
  @ApiProperty({ format: 'uuid' }) runId!: string;
}

export class RunStatusDto {
  @ApiProperty({ enum: STATUSES, enumName: 'Status' }) status!: Status;
}

export class ProgressDto {
  @ApiProperty() phase!: string;
  @ApiProperty() done!: number;
  @ApiProperty() total!: number;
  @ApiProperty() unit!: string;
}

@ApiExtraModels(ProgressDto)
export class RunSummaryDto {
  @ApiProperty({ format: 'uuid' }) runId!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ enum: STATUSES, enumName: 'Status' }) status!: Status;
  @ApiProperty({ type: String, nullable: true }) preset!: string | null;
  @ApiProperty({ description: 'Display name of who started it' }) startedBy!: string;
  @ApiProperty({ type: 'string', format: 'date-time' }) createdAt!: string;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) startedAt!: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) finishedAt!: string | null;
  @ApiProperty({ enum: STEP_NAMES, type: String, nullable: true }) currentStep!: StepName | null;
  @ApiProperty({ oneOf: [{ $ref: getSchemaPath(ProgressDto) }], nullable: true })
  progress!: ProgressDto | null;
}

export class RunPageDto {
  @ApiProperty({ type: [RunSummaryDto] }) items!: RunSummaryDto[];
  @ApiProperty({ type: String, nullable: true, description: 'null on the last page' }) nextCursor!:
    string | null;
}

export class CheckpointDto {
  @ApiProperty({ type: 'integer', description: 'Updates or iterations done' }) index!: number;
  @ApiProperty({ description: 'SHA-256 of the manifest' }) id!: string;
  @ApiProperty({ type: 'string', format: 'date-time' }) createdAt!: string;
}

export class CollectionDto {
  @ApiProperty({ type: 'integer' }) judged!: number;
  @ApiProperty({ type: 'integer' }) required!: number;
}

export class WarningDto {
  @ApiProperty({ enum: WARNING_KINDS, enumName: 'WarningKind' }) kind!: WarningKind;
  @ApiProperty({ type: 'integer', description: 'Iteration that showed it' }) index!: number;
  @ApiProperty({ description: 'One sentence, with the numbers' }) message!: string;
}

const ARTIFACT_IDS = { type: 'object', additionalProperties: { type: 'string' } } as const;

@ApiExtraModels(CollectionDto, ProgressDto)
export class StepDto {
  @ApiProperty({ format: 'uuid' }) stepId!: string;
  @ApiProperty({ enum: STEP_NAMES, enumName: 'StepName' }) name!: StepName;
  @ApiProperty({ enum: STATUSES, enumName: 'Status' }) status!: Status;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) startedAt!: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) finishedAt!: string | null;
  @ApiProperty({ type: String, nullable: true }) error!: string | null;
  @ApiProperty({ ...ARTIFACT_IDS, description: 'Name to artifact id' }) inputs!: Record<string, string>;
  @ApiProperty({ ...ARTIFACT_IDS, description: 'Name to artifact id' }) outputs!: Record<string, string>;
  @ApiProperty({ oneOf: [{ $ref: getSchemaPath(ProgressDto) }], nullable: true })
  progress!: ProgressDto | null;
  @ApiProperty({ type: [CheckpointDto] }) checkpoints!: CheckpointDto[];
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'number' },
    description: 'Last value of each curve; one that is not finite is left out',
  })
  metrics!: Record<string, number>;
  @ApiProperty({ oneOf: [{ $ref: getSchemaPath(CollectionDto) }], nullable: true })
  collection!: CollectionDto | null;
  @ApiProperty({ type: [WarningDto], description: 'What the curves give reason to warn of' })
  warnings!: WarningDto[];
}

export class ReportDto {
  @ApiProperty({ description: 'Artifact id' }) json!: string;
  @ApiProperty({ description: 'Artifact id' }) html!: string;
}

@ApiExtraModels(ReportDto)
export class RunDetailDto extends RunSummaryDto {
  @ApiProperty({ type: String, nullable: true }) error!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) configuration!: Record<string, unknown>;
  @ApiProperty() configurationHash!: string;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Commit of the code; null outside a git checkout',
  })
  commit!: string | null;
  @ApiProperty({
    type: Boolean,
    nullable: true,
    description: 'Whether the checkout differed from the commit',
  })
  dirty!: boolean | null;
  @ApiProperty({ type: String, nullable: true, description: 'SHA-256 of package-lock.json' })
  lockfileHash!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } }) versions!: Record<
    string,
    string
  >;
  @ApiProperty({
    type: 'object',
    additionalProperties: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  })
  machine!: Record<string, string | number>;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) forkedFrom!: string | null;
  @ApiPropertyOptional({ format: 'uuid', description: 'The study that started it' }) study?: string;
  @ApiPropertyOptional({
    type: [RunSummaryDto],
    description: 'Of a study: the runs that it has started, in order',
  })
  members?: RunSummaryDto[];
  @ApiProperty() workflowId!: string;
  @ApiProperty({ oneOf: [{ $ref: getSchemaPath(ReportDto) }], nullable: true }) report!: ReportDto | null;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Artifact id of the archived workflow histories',
  })
  historyArtifact!: string | null;
  @ApiProperty({ type: [StepDto] }) steps!: StepDto[];
}

export class SeriesDto {
  @ApiProperty({ enum: STEP_NAMES, enumName: 'StepName' }) step!: StepName;
  @ApiProperty() name!: string;
  @ApiProperty({
    type: 'array',
    items: { type: 'array', minItems: 2, maxItems: 2, items: { type: 'number' } },
    description: '[index, value], ascending, thinned to at most 500; values that are not finite are left out',
  })
  points!: [number, number][];
}

export class MetricsDto {
  @ApiProperty({ type: [SeriesDto] }) series!: SeriesDto[];
}

export class EventActorDto {
  @ApiProperty({ enum: ['user', 'labeler', 'service'] }) kind!: 'user' | 'labeler' | 'service';
  @ApiProperty({ description: "A person's name, a labeler's pseudonym, a service" }) name!: string;
}

export class EventSubjectDto {
  @ApiProperty() type!: string;
  @ApiProperty() id!: string;
}

export class EventDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ type: 'string', format: 'date-time' }) at!: string;
  @ApiProperty({ type: EventActorDto }) actor!: EventActorDto;
  @ApiProperty({ example: 'checkpoint.committed' }) action!: string;
  @ApiProperty({ type: EventSubjectDto }) subject!: EventSubjectDto;
  @ApiProperty({ type: 'object', additionalProperties: true }) payload!: Record<string, unknown>;
}

export class EventPageDto {
  @ApiProperty({ type: [EventDto] }) items!: EventDto[];
  @ApiProperty({ type: String, nullable: true, description: 'null on the last page' }) nextCursor!:
    string | null;
}

export class SimulatedLabelerDto {
  @ApiProperty() name!: string;
  @ApiProperty({ description: 'Bearer token, good for labeling this run; shown only here' }) token!: string;
}

export class SimulatedLabelersDto {
  @ApiProperty({ type: [SimulatedLabelerDto] }) labelers!: SimulatedLabelerDto[];
}
