import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';

/** A file that the user named. @throws the file system's error, with the path in it. */
export function readUserFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    // Some system errors do not say which file they are about.
    throw Object.assign(error as Error, { path });
  }
}

/** Says before anything is paid for that a file could not be written afterwards. @throws ConfigError */
export function assertWritable(command: string, flag: string, path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  const refuse = (why: string): never => {
    throw new ConfigError(command, [`--${flag} ${path}: ${why}`]);
  };
  if (found !== undefined && !found.isFile()) refuse('this is no file');
  if (found === undefined && !folder?.isDirectory()) refuse(`there is no directory ${dirname(path)}`);
  try {
    accessSync(found === undefined ? dirname(path) : path, constants.W_OK);
  } catch {
    refuse('it cannot be written to');
  }
}
