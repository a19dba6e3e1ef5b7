import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface TestInputs {
  readonly root: string;
  readonly files: readonly string[];
  /** By test file: one bit for each file, in base64. */
  readonly tests: Readonly<Record<string, string>>;
}

export interface InputGuard {
  /** A test file begins. */
  begin(testPath: string): void;
  /** Something reads a file. */
  note(path: unknown): void;
  /** Something lists a directory: each tracked file in it has to be an input. */
  noteListing(path: unknown): void;
  /** The test file ends. @returns tracked files and directories that it read and that are not among its inputs. */
  end(): readonly string[];
}

export function createInputGuard(text: string): InputGuard {
  const { root, files, tests } = JSON.parse(text) as TestInputs;
  const places = new Map(files.map((path, place) => [path, place]));
  const prefix = join(root, '/');
  let bits: Buffer | undefined;
  let unknown = new Set<string>();
  const isInput = (place: number): boolean => (((bits as Buffer)[place >> 3] as number) & (1 << (place & 7))) !== 0;
  /** Path below the repository, with forward slashes. */
  const toName = (read: unknown): string | undefined => {
    const isFile = read instanceof URL && read.protocol === 'file:';
    const path = isFile ? fileURLToPath(read) : typeof read === 'string' ? resolve(read) : undefined;
    return path?.startsWith(prefix) ? path.slice(prefix.length).replaceAll('\\', '/') : undefined;
  };
  return {
    begin(testPath) {
      const encoded = tests[toName(testPath) ?? ''];
      bits = encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
      unknown = new Set();
    },
    note(read) {
      const name = toName(read);
      const place = name === undefined ? undefined : places.get(name);
      if (bits !== undefined && name !== undefined && place !== undefined && !isInput(place)) unknown.add(name);
    },
    noteListing(read) {
      const name = toName(read);
      if (bits === undefined || name === undefined) return;
      const isInside = (file: string): boolean => dirname(file) === name;
      const missing = files.filter((file, place) => isInside(file) && !isInput(place));
      if (missing.length > 0) unknown.add(`${name}/ (${missing.length} of its files)`);
    },
    end: () => [...unknown].sort(),
  };
}
