import type { BatchModel } from '../batch-model.ts';

/** The texts of a vocabulary as a tree of bytes, in flat arrays. Node 0 is the root; below a node hangs its first child. */
export interface TokenTrie {
  readonly byte: Uint8Array;
  /** Children by node; 0 if there is none. */
  readonly child: Int32Array;
  readonly sibling: Int32Array;
  /** The first token that ends at a node, -1 if none does; and by token the next one of the same text. */
  readonly token: Int32Array;
  readonly nextToken: Int32Array;
  /** Tokens that end a reply. */
  readonly ends: readonly number[];
}

/** Tokens without a text of their own are left out: control tokens, and those that end a reply. */
export function createTokenTrie({
  vocabularySize,
  bytesOf,
  isEnd,
}: Pick<BatchModel, 'vocabularySize' | 'bytesOf' | 'isEnd'>): TokenTrie {
  const ends: number[] = [];
  const spoken: { readonly id: number; readonly text: Uint8Array }[] = [];
  let most = 1;
  for (let id = 0; id < vocabularySize; id++) {
    if (isEnd(id)) {
      ends.push(id);
      continue;
    }
    const text = bytesOf(id);
    if (text.length === 0) continue;
    spoken.push({ id, text });
    most += text.length;
  }
  spoken.sort((a, b) => Buffer.compare(a.text, b.text) || a.id - b.id);
  const [byte, child, sibling] = [new Uint8Array(most), new Int32Array(most), new Int32Array(most)];
  const token = new Int32Array(most).fill(-1);
  const nextToken = new Int32Array(vocabularySize).fill(-1);
  /** The nodes of the last text, and by depth the last child that was added. */
  const path = [0];
  let count = 1;
  let before: Uint8Array = new Uint8Array(0);
  let last = -1;
  for (const { id, text } of spoken) {
    let shared = 0;
    while (shared < before.length && shared < text.length && before[shared] === text[shared]) shared++;
    const isSame = shared === text.length && shared === before.length;
    for (let depth = shared; depth < text.length; depth++) {
      const node = count++;
      byte[node] = text[depth] as number;
      const parent = path[depth] as number;
      const elder = depth === shared && depth < before.length ? (path[depth + 1] as number) : 0;
      if (elder > 0) sibling[elder] = node;
      else child[parent] = node;
      path[depth + 1] = node;
    }
    if (isSame) nextToken[last] = id;
    else token[path[text.length] as number] = id;
    before = text;
    last = id;
  }
  return {
    byte: byte.slice(0, count),
    child: child.slice(0, count),
    sibling: sibling.slice(0, count),
    token: token.slice(0, count),
    nextToken,
    ends,
  };
}
