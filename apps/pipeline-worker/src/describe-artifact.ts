import type { ArtifactStore } from '@plumbline/artifacts';
import type { ArtifactDescription } from '@plumbline/database';

/** What the record keeps about a JSON artifact: its own `kind`, and its size. */
export async function describeArtifact(artifacts: ArtifactStore, id: string): Promise<ArtifactDescription> {
  const bytes = await artifacts.get(id);
  const { kind } = JSON.parse(bytes.toString('utf8')) as { kind?: unknown };
  if (typeof kind !== 'string') throw new Error(`artifact ${id} does not say what kind it is`);
  return { id, kind, mediaType: 'application/json', bytes: bytes.byteLength };
}
