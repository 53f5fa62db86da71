import type { Role } from '../api/types.js';

export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  labeler: 'Labeler',
  lead: 'Labeling lead',
  researcher: 'Researcher',
  auditor: 'Auditor, reads only',
  admin: 'Administrator',
};

/** What the page offers; the API decides for itself what it allows. */
export function mayLabel(role: Role): boolean {
  return role === 'labeler' || role === 'lead' || role === 'admin';
}
export function mayReadRuns(role: Role): boolean {
  return role !== 'labeler';
}
export function mayChangeRuns(role: Role): boolean {
  return role === 'researcher' || role === 'admin';
}

export function homeOf(role: Role): string {
  return role === 'labeler' ? '/label' : '/runs';
}
