import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * The files below a directory that hold a text, as UTF-8, UTF-16, hex digits, base64 or base64url; paths from the directory, sorted.
 * Databases are searched with their write-ahead logs, since these are files too.
 * @param text at least 12 bytes, so that it is found nowhere by chance.
 */
export function findText(directory: string, text: string): string[] {
  const forms = listForms(text);
  return listFiles(directory)
    .filter((path) => {
      const bytes = read(path);
      return forms.some((form) => bytes.includes(form));
    })
    .map((path) => relative(directory, path))
    .sort();
}

/** Whether bytes hold a text in one of the same forms. */
export function holdsText(bytes: Uint8Array, text: string): boolean {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return listForms(text).some((form) => all.includes(form));
}

/** The forms in which a program may have written it down. */
function listForms(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < 12) throw new RangeError(`"${text}" is too short to be searched for`);
  const hex = bytes.toString('hex');
  // In base64 the digits depend on where the text begins within three bytes; those that it shares with its neighbours are left out.
  const base64 = [0, 1, 2].map((shift) => {
    const cut = bytes.subarray((3 - shift) % 3);
    return cut.subarray(0, cut.length - (cut.length % 3));
  });
  return [
    bytes,
    Buffer.from(text, 'utf16le'),
    Buffer.from(hex),
    Buffer.from(hex.toUpperCase()),
    ...base64.flatMap((part) => [Buffer.from(part.toString('base64')), Buffer.from(part.toString('base64url'))]),
  ];
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A daemon may take a file away while its directory is read. */
function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
