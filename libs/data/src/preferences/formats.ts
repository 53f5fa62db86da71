import type { PreferenceFormatName } from '@plumbline/contracts';
import { hh } from './hh.js';
import { openai } from './openai.js';
import type { RowFormat } from './preference-row.js';
import { trl } from './trl.js';
import { ultrafeedback } from './ultrafeedback.js';

/** Formats with a row for each judgement; Plumbline's own has a line for each comparison. */
export const ROW_FORMATS: Readonly<Record<Exclude<PreferenceFormatName, 'plumbline'>, RowFormat>> = {
  trl,
  hh,
  openai,
  ultrafeedback,
};
