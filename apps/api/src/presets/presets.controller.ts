import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import { loadPresets, resolveConfiguration } from '@plumbline/config';
import { Allow, READERS } from '../auth/principal.js';
import { ApiProblems } from '../problems/responses.js';

export class PresetDto {
  @ApiProperty() name!: string;
  @ApiProperty() description!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'Complete, defaults filled in' })
  configuration!: Record<string, unknown>;
}

@ApiTags('presets')
@Controller('presets')
@Allow(...READERS)
export class PresetsController {
  @Get()
  @ApiOkResponse({ type: [PresetDto], description: 'Configurations that a run can be started from by name' })
  @ApiProblems(401, 403)
  list(): PresetDto[] {
    return loadPresets().map(({ name, description, configuration }) => ({
      name,
      description,
      configuration: { ...resolveConfiguration(configuration) },
    }));
  }
}
