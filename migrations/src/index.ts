import { Initial1795467600000 } from './1795467600000-initial.js';
import { PreferenceImports1795492800000 } from './1795492800000-preference-imports.js';
import { TrainingWarnings1795498200000 } from './1795498200000-training-warnings.js';
import { Studies1795496400000 } from './1795496400000-studies.js';
import { SupervisedFineTuning1795480800000 } from './1795480800000-supervised-fine-tuning.js';

/** Every migration, oldest first. A landed one is never edited. */
export const MIGRATIONS = [
  Initial1795467600000,
  SupervisedFineTuning1795480800000,
  PreferenceImports1795492800000,
  Studies1795496400000,
  TrainingWarnings1795498200000,
] as const;
