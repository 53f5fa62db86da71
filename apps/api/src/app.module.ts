import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import type { ArtifactStore } from '@plumbline/artifacts';
import { DataSource } from 'typeorm';
import { ARTIFACT_STORE } from './artifacts/artifact-store.token.js';
import { ArtifactsModule } from './artifacts/artifacts.module.js';
import { AuthModule } from './auth/auth.module.js';
import { HealthModule } from './health/health.module.js';
import { LabelingModule } from './labeling/labeling.module.js';
import { PeopleModule } from './people/people.module.js';
import { PreferencesModule } from './preferences/preferences.module.js';
import { PresetsModule } from './presets/presets.module.js';
import { ProblemFilter } from './problems/problem.filter.js';
import { validationPipe } from './problems/validation.js';
import { RunsModule } from './runs/runs.module.js';
import { Workflows } from './runs/workflows.js';

/** What the API works with; made by the entry point, or by a test. */
export interface ApiDependencies {
  /** Connected, as the application's role. */
  readonly database: DataSource;
  readonly artifacts: ArtifactStore;
  readonly workflows: Workflows;
}

@Module({})
class DependenciesModule {
  static with({ database, artifacts, workflows }: ApiDependencies): DynamicModule {
    return {
      module: DependenciesModule,
      global: true,
      providers: [
        { provide: DataSource, useValue: database },
        { provide: ARTIFACT_STORE, useValue: artifacts },
        { provide: Workflows, useValue: workflows },
      ],
      exports: [DataSource, ARTIFACT_STORE, Workflows],
    };
  }
}

@Module({})
export class AppModule {
  static with(dependencies: ApiDependencies): DynamicModule {
    return {
      module: AppModule,
      imports: [
        DependenciesModule.with(dependencies),
        AuthModule,
        LabelingModule,
        RunsModule,
        ArtifactsModule,
        PeopleModule,
        PreferencesModule,
        PresetsModule,
        HealthModule,
      ],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useFactory: validationPipe },
      ],
    };
  }
}
