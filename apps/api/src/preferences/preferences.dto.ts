import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { PREFERENCE_FORMATS, type PreferenceFormatName } from '@plumbline/contracts';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';

const SHA256 = /^[0-9a-f]{64}$/;
const COUNT = { type: 'integer', minimum: 0 } as const;

function Count(): PropertyDecorator {
  return (target, key) => {
    Type(() => Number)(target, key);
    IsInt()(target, key);
    Min(0)(target, key);
    Max(Number.MAX_SAFE_INTEGER)(target, key);
  };
}

/** Where the judgements come from, and what reading them came to. */
export class ImportSourceDto {
  @ApiProperty({ description: 'Without its folder', minLength: 1, maxLength: 255 })
  @IsString()
  @Length(1, 255)
  @Matches(/^[^\p{Cc}]*$/u, { message: 'must not contain control characters' })
  fileName!: string;
  @ApiProperty({ description: 'SHA-256 of the file' })
  @Matches(SHA256, { message: 'must be a SHA-256' })
  fileSha256!: string;
  @ApiProperty(COUNT) @Count() fileBytes!: number;
  @ApiProperty({ enum: PREFERENCE_FORMATS, enumName: 'PreferenceFormat' })
  @IsIn(PREFERENCE_FORMATS)
  format!: PreferenceFormatName;
  @ApiPropertyOptional({
    description: 'Checkpoint whose tokenizer made the tokens; absent: they are the file’s own, or none',
  })
  @IsOptional()
  @Matches(SHA256, { message: 'must be a checkpoint id' })
  model?: string;
  @ApiProperty({ ...COUNT, description: 'Rows of the file' }) @Count() rows!: number;
  @ApiProperty({ ...COUNT, description: 'Rows left out because they could not be read' })
  @Count()
  malformed!: number;
  @ApiProperty({ ...COUNT, description: 'Rows left out because of their length' }) @Count() long!: number;
  @ApiProperty({ ...COUNT, description: 'Rows left out because their responses are the same' })
  @Count()
  identical!: number;
  @ApiProperty({ ...COUNT, description: 'Responses whose end was cut off' }) @Count() truncated!: number;
}

export class PreferenceImportDto {
  @ApiProperty({ format: 'uuid', description: 'The run whose step `collect` the judgements are' })
  runId!: string;
  @ApiProperty({ description: 'Artifact id of the comparison set' }) comparisons!: string;
  @ApiProperty({ description: 'Artifact id of the preference snapshot' }) preferences!: string;
  @ApiProperty({ type: 'integer', description: 'Skips not counted' }) judgements!: number;
  @ApiProperty({ type: 'integer' }) comparisonCount!: number;
  @ApiProperty({ type: 'integer', description: 'Comparisons that are held out' }) heldOut!: number;
  @ApiProperty({ description: 'false: the same import was made before, and nothing has changed' })
  created!: boolean;
}
