import { accessSync, constants, existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs without which tests skip. */
const NAMES = ['chromium', 'gcc', 'google-chrome', 'ip', 'nft', 'promtool', 'python3', 'script', 'spin'];
/** Devices, servers and reference vectors without which tests skip. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  postgresql: [
    '/usr/lib/postgresql/*/bin/initdb',
    '/usr/bin/initdb',
    '/usr/local/bin/initdb',
    '/opt/homebrew/bin/initdb',
  ],
  vulkan: ['/usr/share/vulkan/icd.d/*.json'],
};

/** Returns the programs and devices of this machine that tests look for. Tests skip without them. */
export function listPrograms(root: string, path: string = process.env.PATH ?? ''): readonly string[] {
  const folders = path.split(delimiter).filter(Boolean);
  const programs = NAMES.filter((name) => folders.some((folder) => isRunnable(join(folder, name))));
  const others = Object.keys(FILES).filter((name) => FILES[name]?.some((pattern) => globSync(pattern).length > 0));
  const vectors = existsSync(join(root, '../shared/vectors')) ? ['reference-vectors'] : [];
  const user = process.getuid?.() === 0 ? 'root' : 'user';
  return [process.platform, process.arch, user, ...programs, ...others, ...vectors].sort();
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
