import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path/posix';

/** The exports of the packages of this repository: a specifier such as `@ogong/host/log/logger`, and the file that it names. */
export type WorkspaceExports = ReadonlyMap<string, string>;

interface Manifest {
  readonly name?: string;
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** @throws Error if an export is anything but a file: the graph would miss it. */
export function readWorkspaceExports(root: string): WorkspaceExports {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
  const folders = workspaces.flatMap((pattern) =>
    pattern.endsWith('/*')
      ? readdirSync(join(root, pattern.slice(0, -2))).map((name) => join(pattern.slice(0, -2), name))
      : [pattern],
  );
  const found = new Map<string, string>();
  for (const folder of folders.sort()) {
    const manifest = readManifest(join(root, folder, 'package.json'));
    for (const [key, target] of Object.entries(manifest?.exports ?? {})) {
      if (typeof target !== 'string' || key.includes('*'))
        throw new Error(`${folder}/package.json: the export ${key} is not one file`);
      found.set(join(manifest?.name ?? '', key), join(folder, target));
    }
  }
  return found;
}

function readManifest(path: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}
