import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { Public } from '../auth/principal.js';
import { ProblemError } from '../problems/problem.js';
import { ApiProblems } from '../problems/responses.js';

export class HealthDto {
  @ApiProperty({ enum: ['ok'] }) status!: 'ok';
}

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly database: DataSource) {}

  @Get()
  @Public()
  @ApiOkResponse({ type: HealthDto, description: 'The API answers and reaches its database' })
  @ApiProblems(503)
  async health(): Promise<HealthDto> {
    try {
      await this.database.query('SELECT 1');
    } catch {
      throw new ProblemError('unavailable', 'the database does not answer');
    }
    return { status: 'ok' };
  }
}
