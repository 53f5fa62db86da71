import { Initial1795467600000 } from './1795467600000-initial.js';

/** Every migration, oldest first. A landed one is never edited. */
export const MIGRATIONS = [Initial1795467600000] as const;
