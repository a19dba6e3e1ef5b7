import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { findRunningMesh } from '@ogong/devnet/mesh/mesh-control';
import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import type { MeshState } from '@ogong/devnet/mesh/mesh-state';
import { text } from '@ogong/host/config/values';
import { makePrivateDirectory, PrivateFileError, writePrivateFile } from '@ogong/host/files/private-files';
import { z } from 'zod';

const DEFAULT_DIRECTORY = join(homedir(), '.ogong', 'mesh');
const PLACES_FILE = join(homedir(), '.ogong', 'meshes.json');
/** Directories that are remembered, the newest first. */
const MOST_PLACES = 16;

const meshDir = {
  schema: text,
  label: '<path>',
  env: 'OGONG_MESH_DIR',
  aliases: { flags: ['dir', 'mesh-dir'] },
} as const;

/** The directory of a mesh that runs. */
export const meshDirField = {
  ...meshDir,
  description:
    'directory of a mesh of this machine with keys, data, logs and the chain; the newest that runs if not given, or else ~/.ogong/mesh',
} as const;

/** The directory of a mesh to start. */
export const newMeshDirField = {
  ...meshDir,
  default: DEFAULT_DIRECTORY,
  description: 'directory for keys, data, logs and the chain of the mesh',
} as const;

/** Remembers a mesh, so that later commands find it without flags. A home that cannot be written remembers none. */
export function rememberMesh(directory: string, placesFile: string = PLACES_FILE): void {
  const others = readPlaces(placesFile).filter((place) => place !== directory);
  const kept = [directory, ...others].slice(0, MOST_PLACES);
  try {
    makePrivateDirectory(dirname(placesFile));
    writePrivateFile(placesFile, `${JSON.stringify(kept, null, 2)}\n`);
  } catch (error) {
    if (!(error instanceof PrivateFileError)) throw error;
  }
}

/** Returns the given directory, or the newest one in which a mesh runs, or the default. */
export function findMeshDirectory(given: string | undefined, placesFile: string = PLACES_FILE): string {
  if (given !== undefined) return resolve(given);
  return readPlaces(placesFile).find(runsIn) ?? DEFAULT_DIRECTORY;
}

function runsIn(directory: string): boolean {
  try {
    return findRunningMesh(directory) !== undefined;
  } catch (error) {
    if (error instanceof MeshError) return false;
    throw error;
  }
}

/** A file that cannot be read names none. */
function readPlaces(placesFile: string): readonly string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(readFileSync(placesFile, 'utf8')));
  } catch {
    return [];
  }
}

/** Undefined if no mesh is ready in the directory. */
export function findReadyMesh(directory: string): MeshState | undefined {
  try {
    const mesh = findRunningMesh(directory);
    return mesh?.phase === 'ready' ? mesh : undefined;
  } catch (error) {
    // `ogong mesh` reports its fault.
    if (error instanceof MeshError) return undefined;
    throw error;
  }
}
