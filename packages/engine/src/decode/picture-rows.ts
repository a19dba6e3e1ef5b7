import { EngineError } from '../interface/engine-error.ts';
import type { EncodedPicture } from '../interface/vision.ts';
import { nativeHash } from './native-hash.ts';

/** Ids of picture rows begin here: no vocabulary is so large. */
export const FIRST_PICTURE_ROW: number = 2 ** 31;
const LAST_PICTURE_ROW = 2 ** 32 - 1;
/** Bytes of pictures that no prompt needs any more. They keep their ids, so that the next turn of a chat finds its rows. */
const KEPT_BYTES = 64 * 2 ** 20;

/** A picture in a prompt: its rows, and the grids in which they lie if the model's positions need them. */
export type PromptPicture = Pick<EncodedPicture, 'rows' | 'grids'>;

/** The place of a row in the grid of its picture. */
export interface GridCell {
  readonly line: number;
  readonly column: number;
  /** Rows of the grid. */
  readonly lines: number;
  readonly columns: number;
}

/** A prompt as a context reads it. */
export interface PlacedPrompt {
  /** Ids of tokens, and ids of picture rows in place of picture tokens. */
  readonly rows: Uint32Array;
  readonly hasPictures: boolean;
  /** Returns the row at which a cache that ends before `index` goes on: the rows of one grid are forgotten together. */
  restartOf(index: number): number;
  /** The prompt is in the cache, or will not run: its pictures may be forgotten. May be called twice. */
  release(): void;
}

interface HeldPicture {
  readonly first: number;
  readonly rows: Float32Array;
  readonly grids: NonNullable<EncodedPicture['grids']> | undefined;
  users: number;
}

/**
 * Rows of pictures that prompts hold, by id. Equal pictures have the same ids, and an id never stands for two pictures. So a
 * comparison of ids finds the common beginning of two prompts.
 */
export interface PictureRows {
  /**
   * @param pictures in the order of the prompt, f32[rows, embeddingSize] each.
   * @throws EngineError('invalid-request') if their rows are not as many as the picture tokens of the prompt, or fill no grids.
   */
  place(tokens: Uint32Array, pictures: readonly PromptPicture[]): PlacedPrompt;
  /** f32[embeddingSize]. @throws RangeError if no picture holds this row. */
  rowOf(id: number): Float32Array;
  /** Undefined if the picture lies in no grid. @throws RangeError if no picture holds this row. */
  cellOf(id: number): GridCell | undefined;
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

  const hold = ({ rows, grids }: PromptPicture): HeldPicture => {
    const shape = Buffer.from(JSON.stringify(grids ?? []));
    const values = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    const key = Buffer.from(nativeHash.sha256(shape, values)).toString('hex');
    const count = rows.length / embeddingSize;
    let picture = held.get(key);
    if (picture === undefined) {
      if (next + count > LAST_PICTURE_ROW) throw new EngineError('engine-crashed', 'all ids of picture rows are used');
      picture = { first: next, rows, grids, users: 0 };
      next += count;
    }
    held.delete(key);
    held.set(key, picture);
    picture.users++;
    return picture;
  };

  const find = (id: number): HeldPicture => {
    for (const picture of held.values()) {
      const at = (id - picture.first) * embeddingSize;
      if (at >= 0 && at < picture.rows.length) return picture;
    }
    throw new RangeError(`no picture holds row ${id}`);
  };

  const cellOf = (id: number): GridCell | undefined => {
    const { first, grids = [] } = find(id);
    let at = id - first;
    for (const [lines, columns] of grids) {
      if (at < lines * columns) return { line: Math.floor(at / columns), column: at % columns, lines, columns };
      at -= lines * columns;
    }
    return undefined;
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
      const given = pictures.reduce((count, { rows }) => count + rows.length, 0);
      const isWhole = pictures.every(({ rows, grids }) => areWhole(rows.length / embeddingSize, grids));
      if (!isWhole) throw new EngineError('invalid-request', 'the rows of a picture do not fill its grids');
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
      const placed = marks === 0 ? tokens : tokens.map((each) => (each === token ? (ids[at++] as number) : each));
      return {
        rows: placed,
        hasPictures: marks > 0,
        restartOf(index) {
          const id = placed[index] as number;
          const cell = id >= FIRST_PICTURE_ROW ? cellOf(id) : undefined;
          return cell === undefined ? index : index - cell.line * cell.columns - cell.column;
        },
        release() {
          if (isReleased) return;
          isReleased = true;
          for (const picture of users) picture.users--;
          forget();
        },
      };
    },
    rowOf(id) {
      const { first, rows } = find(id);
      const at = (id - first) * embeddingSize;
      return rows.subarray(at, at + embeddingSize);
    },
    cellOf,
  };
}

/** Returns whether a number of rows is whole, and that of the grids. */
function areWhole(rows: number, grids: EncodedPicture['grids']): boolean {
  if (!Number.isInteger(rows)) return false;
  return grids === undefined || grids.reduce((sum, [lines, columns]) => sum + lines * columns, 0) === rows;
}

/** @throws EngineError('invalid-request') if there are pictures, and the model reads none. */
export function placePictures(
  pictureRows: PictureRows | undefined,
  tokens: Uint32Array,
  pictures: readonly PromptPicture[] = [],
): PlacedPrompt {
  if (pictureRows !== undefined) return pictureRows.place(tokens, pictures);
  if (pictures.length > 0)
    throw new EngineError(
      'invalid-request',
      'this model reads no pictures: it has no encoder, or its kernels take none',
    );
  return { rows: tokens, hasPictures: false, restartOf: (index) => index, release: () => undefined };
}
