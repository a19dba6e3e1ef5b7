import { EngineError } from '../interface/engine-error.ts';
import { nativeHash } from './native-hash.ts';

/** Ids of picture rows begin here: no vocabulary is so large. */
export const FIRST_PICTURE_ROW: number = 2 ** 31;
const LAST_PICTURE_ROW = 2 ** 32 - 1;
/** Bytes of pictures that no prompt needs any more. They keep their ids, so that the next turn of a chat finds its rows. */
const KEPT_BYTES = 64 * 2 ** 20;

/** A prompt as a context reads it. */
export interface PlacedPrompt {
  /** Ids of tokens, and ids of picture rows in place of picture tokens. */
  readonly rows: Uint32Array;
  readonly hasPictures: boolean;
  /** The prompt is in the cache, or will not run: its pictures may be forgotten. May be called twice. */
  release(): void;
}

interface HeldPicture {
  readonly first: number;
  readonly rows: Float32Array;
  users: number;
}

/**
 * Rows of pictures that prompts hold, by id. Equal pictures have the same ids, and an id never stands for two pictures. So a
 * comparison of ids finds the common beginning of two prompts.
 */
export interface PictureRows {
  /**
   * @param pictures f32[rows, embeddingSize] each, in the order of the prompt.
   * @throws EngineError('invalid-request') if their rows are not as many as the picture tokens of the prompt.
   */
  place(tokens: Uint32Array, pictures: readonly Float32Array[]): PlacedPrompt;
  /** f32[embeddingSize]. @throws RangeError if no picture holds this row. */
  rowOf(id: number): Float32Array;
}

/** @param token the token that stands for a row of a picture. */
export function createPictureRows({
  token,
  embeddingSize,
}: {
  readonly token: number;
  readonly embeddingSize: number;
}): PictureRows {
  /** Least recently used first, by the hash of the rows. */
  const held = new Map<string, HeldPicture>();
  let next = FIRST_PICTURE_ROW;

  const hold = (rows: Float32Array): HeldPicture => {
    const key = Buffer.from(nativeHash.sha256(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength))).toString(
      'hex',
    );
    const count = rows.length / embeddingSize;
    let picture = held.get(key);
    if (picture === undefined) {
      if (next + count > LAST_PICTURE_ROW) throw new EngineError('engine-crashed', 'all ids of picture rows are used');
      picture = { first: next, rows, users: 0 };
      next += count;
    }
    held.delete(key);
    held.set(key, picture);
    picture.users++;
    return picture;
  };

  const forget = (): void => {
    let kept = 0;
    for (const [key, { rows, users }] of [...held].reverse()) {
      if (users > 0) continue;
      kept += rows.byteLength;
      if (kept > KEPT_BYTES) held.delete(key);
    }
  };

  return {
    place(tokens, pictures) {
      const marks = tokens.reduce((count, each) => count + (each === token ? 1 : 0), 0);
      const given = pictures.reduce((count, { length }) => count + length, 0);
      if (given !== marks * embeddingSize)
        throw new EngineError(
          'invalid-request',
          `the prompt has room for ${marks} picture rows, its pictures have ${given / embeddingSize}`,
        );
      if (tokens.at(-1) === token) throw new EngineError('invalid-request', 'a prompt must not end with a picture');
      const users = pictures.map(hold);
      const ids = users.flatMap(({ first, rows }) =>
        Array.from({ length: rows.length / embeddingSize }, (_, i) => first + i),
      );
      let at = 0;
      let isReleased = false;
      return {
        rows: marks === 0 ? tokens : tokens.map((each) => (each === token ? (ids[at++] as number) : each)),
        hasPictures: marks > 0,
        release() {
          if (isReleased) return;
          isReleased = true;
          for (const picture of users) picture.users--;
          forget();
        },
      };
    },
    rowOf(id) {
      for (const { first, rows } of held.values()) {
        const at = (id - first) * embeddingSize;
        if (at >= 0 && at < rows.length) return rows.subarray(at, at + embeddingSize);
      }
      throw new RangeError(`no picture holds row ${id}`);
    },
  };
}

/** @throws EngineError('invalid-request') if there are pictures, and the model reads none. */
export function placePictures(
  pictureRows: PictureRows | undefined,
  tokens: Uint32Array,
  pictures: readonly Float32Array[] = [],
): PlacedPrompt {
  if (pictureRows !== undefined) return pictureRows.place(tokens, pictures);
  if (pictures.length > 0)
    throw new EngineError(
      'invalid-request',
      'this model reads no pictures: it has no encoder, or its kernels take none',
    );
  return { rows: tokens, hasPictures: false, release: () => undefined };
}
