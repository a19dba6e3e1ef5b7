import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchFolder } from '@ogong/models/npm-package';
import { EngineError } from '../interface/engine-error.ts';
import { describeBuild, findPackage, type LlamaBuild } from './platform.ts';
import { listVulkanDevices } from './vulkan-device.ts';

/**
 * llama.cpp with its Vulkan back end: 24 MB packed, 80 MB unpacked, so it is fetched when it is first asked for and not
 * with every install. The hash is the registry's own; npm would check it against a lock file.
 */
const PACKAGE = {
  name: '@node-llama-cpp/linux-x64-vulkan',
  version: '3.22.1',
  path: 'bins/linux-x64-vulkan',
  integrity: 'sha512-bBxqU+JOcBu1nb5Qj2zcMci+JByT1E8EajHvYodyNfVIPkEhXh+/HMwR1/BT7xP08YK0hks+kM8fglER0P8JEg==',
};
const PLATFORM = 'linux-x64';
const NAMES = { prefix: 'lib', suffix: '.so' };

/** @param engineDir where fetched builds lie. */
const folderOf = (engineDir: string): string => join(engineDir, `${PLATFORM}-vulkan-${PACKAGE.version}`);

/** The build, installed by npm or fetched before; undefined where it is neither. */
export function findVulkanBuild(engineDir: string): LlamaBuild | undefined {
  const installed = findPackage(PACKAGE.name);
  const directory = installed === undefined ? folderOf(engineDir) : join(installed, PACKAGE.path);
  return existsSync(directory) ? describeBuild(directory, NAMES, '.vulkan') : undefined;
}

/** Why the Vulkan back end finds no device here, and what would help; undefined if there is one. */
export function explainDeviceAbsence(listDevices = listVulkanDevices): string | undefined {
  try {
    return listDevices().length === 0 ? 'this machine shows no Vulkan device' : undefined;
  } catch (error) {
    if (error instanceof EngineError) return error.message;
    throw error;
  }
}

/** Why the Vulkan back end cannot be used here, and what would help; undefined if it can. */
export function explainVulkanAbsence(engineDir: string): string | undefined {
  const absence = explainDeviceAbsence();
  if (absence !== undefined) return absence;
  return findVulkanBuild(engineDir) === undefined
    ? `no Vulkan build of llama.cpp in ${engineDir}; \`ogong calibrate classes --backend vulkan\` brings it`
    : undefined;
}

/** Fetches the build unless it is there. @throws EngineError('unsupported-model'), ModelError. */
export async function bringVulkanBuild(
  engineDir: string,
  platform = `${process.platform}-${process.arch}`,
): Promise<LlamaBuild> {
  if (platform !== PLATFORM)
    throw new EngineError('unsupported-model', `the Vulkan back end is served on ${PLATFORM}, not on ${platform}`);
  const found = findVulkanBuild(engineDir);
  if (found !== undefined) return found;
  const files = await fetchFolder(PACKAGE);
  await mkdir(engineDir, { recursive: true });
  const draft = await mkdtemp(join(engineDir, 'partial-'));
  try {
    for (const [name, contents] of files) await writeFile(join(draft, name), contents, { mode: 0o755 });
    await rename(draft, folderOf(engineDir)).catch((error: unknown) => {
      // Another process was faster.
      if (!existsSync(folderOf(engineDir))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return findVulkanBuild(engineDir) as LlamaBuild;
}
