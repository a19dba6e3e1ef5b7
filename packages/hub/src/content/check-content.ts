import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { assertWholeGguf } from '@ogong/models/gguf/check';
import { GgufError } from '@ogong/models/gguf/types';
import { OnnxError, readOnnxFile } from '@ogong/models/onnx/read';
import {
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
  SafetensorsError,
} from '@ogong/models/safetensors/header';
import { ProtocolError, utf8Decode } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { FileFormat } from '../file-format.ts';
import type { ManifestFile } from '../manifest.ts';
import { ContentError } from './content-error.ts';
import { findProgram } from './programs.ts';

/** First bytes of a file that show a program. */
const HEAD_BYTES = 1_024;
const MAX_TEXT_BYTES = 64 << 20;
/** Domains of operators that each ONNX Runtime has. An operator of another one needs a library. */
const DOMAINS: ReadonlySet<string> = new Set(['ai.onnx.ml', 'com.microsoft']);
/** Control characters, but for tabs and line ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: texts with them are refused
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/**
 * Checks the first bytes of a file, so that a wrong one is refused before the rest of it comes.
 * @param head the first block of the file, or all of a shorter one.
 * @throws ContentError
 */
export function assertHead({ path, format }: Pick<ManifestFile, 'path' | 'format'>, head: Uint8Array): void {
  const program = findProgram(head.subarray(0, HEAD_BYTES));
  if (program !== undefined) throw new ContentError(`${path} is ${program}`);
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  const isRight =
    format === 'gguf'
      ? bytes.subarray(0, 4).toString('latin1') === 'GGUF'
      : format === 'safetensors'
        ? bytes.length > LENGTH_BYTES && bytes.readBigUInt64LE() <= MAX_HEADER_BYTES && bytes[LENGTH_BYTES] === 0x7b
        : true;
  if (!isRight) throw new ContentError(`${path} does not begin as a file in ${format}`);
}

/** Files that an ONNX file names as the places of its weights, by the path of the file in the manifest. */
export type ExternalFiles = ReadonlyMap<string, readonly string[]>;

/**
 * Checks that a whole file has the content of its format (docs/spec/hub.md#files).
 * @param place where the file lies on this machine.
 * @returns names of files with weights that it needs.
 * @throws ContentError
 */
export async function checkContent(
  { path, format }: Pick<ManifestFile, 'path' | 'format'>,
  place: string,
): Promise<readonly string[]> {
  const handle = await open(place);
  try {
    assertHead({ path, format }, await readStart(handle, HEAD_BYTES));
    if (format === 'safetensors') await checkSafetensors(handle);
  } catch (error) {
    throw toContentError(error, path);
  } finally {
    await handle.close();
  }
  try {
    return await CHECKS[format](place);
  } catch (error) {
    throw toContentError(error, path);
  }
}

const nothing = async (): Promise<readonly string[]> => [];

const CHECKS: Readonly<Record<FileFormat, (place: string) => Promise<readonly string[]>>> = {
  async gguf(place) {
    assertWholeGguf(place);
    return [];
  },
  async onnx(place) {
    const { operators, externalFiles } = readOnnxFile(place);
    for (const operator of operators.keys()) {
      const [domain = '', name] = operator.split(':');
      if (name !== undefined && !DOMAINS.has(domain))
        throw new ContentError(`the operator ${operator.slice(0, 100)} is no operator of ONNX or ONNX Runtime`);
    }
    return externalFiles;
  },
  'onnx-data': nothing,
  safetensors: nothing,
  async json(place) {
    parseJson(await readSmall(place));
    return [];
  },
  async text(place) {
    if (CONTROL.test(utf8Decode(await readSmall(place)))) throw new ContentError('it has control characters');
    return [];
  },
};

async function readSmall(place: string): Promise<Uint8Array> {
  const { size } = await stat(place);
  if (size > MAX_TEXT_BYTES) throw new ContentError(`it has ${size} bytes, at most ${MAX_TEXT_BYTES}`);
  return readFile(place);
}

async function checkSafetensors(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const length = Number(Buffer.from(await readStart(handle, LENGTH_BYTES)).readBigUInt64LE());
  const start = LENGTH_BYTES + length;
  if (start > size) throw new ContentError('the header is longer than the file');
  const header = (await readStart(handle, start)).subarray(LENGTH_BYTES);
  parseSafetensorsHeader(header, size - start);
}

async function readStart(handle: FileHandle, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let held = 0;
  while (held < length) {
    const { bytesRead } = await handle.read(bytes, held, length - held, held);
    if (bytesRead === 0) break;
    held += bytesRead;
  }
  return bytes.subarray(0, held);
}

/**
 * Checks that weights outside ONNX files lie beside the file that names them, and that a file names all of them.
 * @throws ContentError
 */
export function checkExternalFiles(files: readonly ManifestFile[], external: ExternalFiles): void {
  const data = new Set(files.filter(({ format }) => format === 'onnx-data').map(({ path }) => path));
  const named = new Set<string>();
  for (const [path, names] of external)
    for (const name of names) {
      const place = posix.join(posix.dirname(path), name);
      if (name.includes('/') || name.includes('\\') || !data.has(place))
        throw new ContentError(
          `${path} reads weights from "${name.slice(0, 100)}", which is no file of the model beside it`,
        );
      named.add(place);
    }
  const unused = [...data].find((path) => !named.has(path));
  if (unused !== undefined) throw new ContentError(`no ONNX file reads the weights in ${unused}`);
}

function toContentError(error: unknown, path: string): unknown {
  const isKnown = [ContentError, GgufError, OnnxError, SafetensorsError, ProtocolError].some(
    (type) => error instanceof type,
  );
  return isKnown ? new ContentError(`${path}: ${(error as Error).message}`, { cause: error }) : error;
}
