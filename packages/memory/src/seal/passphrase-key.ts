import { randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { KeyFileError } from '@ogong/host/crypto/key-files';
import { Secret } from '@ogong/host/crypto/secret';
import { closeToOthers, openToRead, writePrivateParts } from '@ogong/host/files/private-files';
import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { z } from 'zod';
import { KEY_BYTES } from './sealed-box.ts';

/** 128 MiB and about half a second for each guess. */
const COST = { n: 2 ** 17, r: 8, p: 1 } as const;
const SALT_BYTES = 16;
const MAX_FILE_BYTES = 1_024;
const MAX_MEMORY_BYTES = 2 ** 30;

const isPowerOfTwo = (n: number): boolean => (n & (n - 1)) === 0;

const parameters = z
  .strictObject({
    kdf: z.literal('scrypt'),
    n: z
      .int()
      .min(2 ** 14)
      .max(2 ** 20)
      .refine(isPowerOfTwo),
    r: z.int().min(8).max(32),
    p: z.int().min(1).max(16),
    salt: z.string().regex(/^[0-9a-f]{32}$/),
  })
  .refine(({ n, r }) => 128 * n * r <= MAX_MEMORY_BYTES);
type ScryptParameters = z.infer<typeof parameters>;

const computeScrypt = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

/**
 * Computes a master key from a passphrase. The file holds the parameters and the salt, and no secret. It is created if it is missing.
 * Another passphrase gives another key, so the store refuses it.
 * @param cost of a new file. @returns 32 bytes. @throws KeyFileError
 */
export async function openPassphraseKey(
  path: string,
  passphrase: Secret<string>,
  cost: Pick<ScryptParameters, 'n' | 'r' | 'p'> = COST,
): Promise<Secret<Uint8Array>> {
  if (passphrase.reveal() === '') throw new KeyFileError('malformed', 'the passphrase of the memory store is empty');
  const known = await readParameters(path);
  if (known !== undefined) return computeKey(passphrase, known);
  const drawn: ScryptParameters = { kdf: 'scrypt', ...cost, salt: toHex(randomBytes(SALT_BYTES)) };
  try {
    await writePrivateParts(path, [utf8Encode(`${JSON.stringify(drawn)}\n`)]);
  } catch (cause) {
    throw new KeyFileError('unwritable', `cannot write the parameters of the passphrase to ${path}`, { cause });
  }
  return computeKey(passphrase, drawn);
}

async function readParameters(path: string): Promise<ScryptParameters | undefined> {
  const file = await openToRead(path);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const text = size <= MAX_FILE_BYTES ? await readFile(file, 'utf8') : '';
    const read = parameters.safeParse(toJson(text));
    if (read.success) {
      closeToOthers(path);
      return read.data;
    }
  } finally {
    await file.close();
  }
  throw new KeyFileError(
    'malformed',
    `${path} does not hold the parameters of a passphrase: restore it from a backup, since no passphrase opens the store without it`,
  );
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function computeKey(
  passphrase: Secret<string>,
  { n, r, p, salt }: ScryptParameters,
): Promise<Secret<Uint8Array>> {
  const options = { N: n, r, p, maxmem: 2 * MAX_MEMORY_BYTES };
  const text = passphrase.reveal().normalize('NFKC');
  return new Secret(new Uint8Array(await computeScrypt(text, fromHex(salt), KEY_BYTES, options)));
}
