import * as labeling from './labeling.js';
import * as people from './people.js';
import * as record from './record.js';
import * as runs from './runs.js';

export * from './labeling.js';
export * from './people.js';
export * from './record.js';
export * from './runs.js';

/** Every class of this folder. */
export const ENTITIES: readonly (new () => object)[] = Object.values({
  ...people,
  ...runs,
  ...labeling,
  ...record,
});
