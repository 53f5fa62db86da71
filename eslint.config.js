import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const PURE = [
  'contracts',
  'artifacts',
  'compute',
  'model',
  'generation',
  'data',
  'training',
  'rlhf',
  'evaluation',
  'bench',
];

/** Which packages each package may import: DESIGN's arrows. Tests may also import `testing`. */
const MAY_IMPORT = {
  contracts: [],
  artifacts: ['contracts'],
  config: ['contracts'],
  audit: ['contracts', 'artifacts'],
  labeling: ['contracts'],
  // The forms that frontiers follow, which load nothing.
  report: ['contracts', 'evaluation'],
  compute: ['contracts', 'artifacts'],
  model: ['contracts', 'artifacts', 'compute'],
  generation: ['contracts', 'artifacts', 'compute', 'model'],
  data: ['contracts', 'artifacts', 'compute', 'model', 'labeling'],
  training: ['contracts', 'artifacts', 'compute', 'model', 'generation', 'data'],
  rlhf: ['contracts', 'artifacts', 'compute', 'model', 'generation', 'data', 'training'],
  // The gold reward lives in evaluation: rlhf, which trains, must never see it.
  evaluation: ['contracts', 'artifacts', 'compute', 'model', 'generation', 'data', 'training', 'rlhf'],
  bench: [
    'contracts',
    'config',
    'artifacts',
    'compute',
    'model',
    'generation',
    'data',
    'training',
    'rlhf',
    'database',
    'services',
  ],
  migrations: [],
  database: ['contracts', 'config', 'artifacts', 'audit', 'labeling', 'migrations'],
  'api-client': [],
  'simulated-labelers': ['contracts', 'api-client', 'evaluation', 'compute'],
  services: ['contracts', 'config'],
  testing: ['contracts', 'config', 'artifacts', 'database', 'services'],
  workflows: ['contracts'],
  api: ['contracts', 'config', 'database', 'audit', 'labeling', 'artifacts', 'report'],
  'pipeline-worker': [
    'contracts',
    'config',
    'database',
    'artifacts',
    'audit',
    'labeling',
    'report',
    'evaluation',
    'api-client',
    'simulated-labelers',
    'workflows',
  ],
  'gpu-worker': [
    'contracts',
    'config',
    'database',
    'artifacts',
    'audit',
    'compute',
    'model',
    'generation',
    'training',
    'rlhf',
    'evaluation',
  ],
  cli: [
    'contracts',
    'config',
    'services',
    'api-client',
    'simulated-labelers',
    'bench',
    'artifacts',
    'compute',
    'model',
    'generation',
    'data',
  ],
  web: ['api-client'],
};

const SERVER_PACKAGES = ['@nestjs/*', 'typeorm', 'pg', '@temporalio/*'];

function constraint(name) {
  return {
    sourceTag: `pkg:${name}`,
    onlyDependOnLibsWithTags: MAY_IMPORT[name].map((other) => `pkg:${other}`),
    ...(PURE.includes(name) ? { bannedExternalImports: SERVER_PACKAGES } : {}),
  };
}

/** In tests, every package may also use `testing` and what it gives access to. */
function testConstraint(name) {
  const allowed = new Set([
    ...MAY_IMPORT[name],
    'testing',
    'services',
    'audit',
    'api-client',
    'config',
    'database',
    'artifacts',
    'contracts',
  ]);
  return { sourceTag: `pkg:${name}`, onlyDependOnLibsWithTags: [...allowed].map((other) => `pkg:${other}`) };
}

const boundaries = (depConstraints) => ({
  '@nx/enforce-module-boundaries': [
    'error',
    {
      allow: [],
      depConstraints,
      allowCircularSelfDependency: true,
      // A test of the database starts one, which runs the database's own migrations.
      ignoredCircularDependencies: [['@plumbline/database', '@plumbline/testing']],
    },
  ],
});

const TESTS = ['**/*.test.ts', '**/*.test.tsx', '**/test-support/**', 'e2e/**'];

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/dist-types/**',
      '**/node_modules/**',
      '.plumbline/**',
      '.nx/**',
      'libs/api-client/src/schema.ts',
    ],
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: {
      parserOptions: {
        project: [
          'libs/*/tsconfig.json',
          'apps/*/tsconfig.json',
          'workflows/tsconfig.json',
          'migrations/tsconfig.json',
          'tsconfig.tests.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowNullish: true, allowBoolean: true },
      ],
      ...boundaries(Object.keys(MAY_IMPORT).map(constraint)),
    },
  },
  {
    files: TESTS,
    rules: boundaries(Object.keys(MAY_IMPORT).map(testConstraint)),
  },
  {
    // Nest injects by the class that a parameter is declared with: its import must stay a value.
    files: ['apps/api/src/**/*.ts', 'libs/database/src/entities/**/*.ts'],
    rules: { '@typescript-eslint/consistent-type-imports': 'off' },
  },
  {
    // The environment has one reader.
    files: ['**/*.ts', '**/*.tsx'],
    ignores: ['libs/config/**', ...TESTS],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only libs/config reads the environment.' },
      ],
    },
  },
);
