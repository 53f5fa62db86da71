import * as labeling from './labeling.js';
import * as people from './people.js';
import * as record from './record.js';
import * as runs from './runs.js';

export * from './labeling.js';
export * from './people.js';
export * from './record.js';
export * from './runs.js';

export const ENTITIES = [people, runs, labeling, record].flatMap((file) => Object.values(file));
