import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyPictureModel } from '@ogong/testing/models/picture-folder';
import { CLIP_VOCABULARY } from '@ogong/testing/models/pictures/clip';
import { writeRandomPictures } from '@ogong/testing/models/random-pictures';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { openPromptTokenizer } from './prompt-tokenizer.ts';

const directory = createTestDirectory('prompt');
afterAll(() => directory.remove());
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));

const copy = (): string => join(copyPictureModel('tiny-shapes-flow-dit', createFolder()), 'tokenizer');

describe('tokens of a prompt', () => {
  const { tokenize, pad } = openPromptTokenizer(copy(), 8);

  it('stand between the special tokens, and are padded to the context', () => {
    expect(tokenize('A small  red circle')).toEqual([1, 4, 5, 7, 14, 2]);
    expect(pad(tokenize('A small  red circle'))).toEqual([1, 4, 5, 7, 14, 2, 0, 0]);
    expect(pad(tokenize(''))).toEqual([1, 2, 0, 0, 0, 0, 0, 0]);
  });

  it('of a long prompt lose the end of the text, never the special tokens', () => {
    expect(tokenize('a a a a a small red circle')).toEqual([1, 4, 4, 4, 4, 4, 5, 2]);
    expect(tokenize('a '.repeat(5_000))).toEqual([1, 4, 4, 4, 4, 4, 4, 2]);
  });

  it('of unknown words are the unknown token', () => {
    expect(tokenize('a zebra')).toEqual([1, 4, 3, 2]);
  });

  it.each<[string, object, RegExp]>([
    ['pads on the left', { padding_side: 'left' }, /pads on the left/],
    ['has no padding token', { pad_token: null }, /no padding token/],
    ['names an unknown padding token', { pad_token: '<none>' }, /no padding token/],
  ])('a tokenizer that %s is refused', (_what, change, message) => {
    const folder = copy();
    const path = join(folder, 'tokenizer_config.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
    expect(() => openPromptTokenizer(folder, 8)).toThrow(
      expect.objectContaining({ code: 'unsupported-model', message: expect.stringMatching(message) }),
    );
  });

  it('a padding token may be written as an object', () => {
    const folder = copy();
    const path = join(folder, 'tokenizer_config.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), pad_token: { content: '</s>' } }));
    expect(openPromptTokenizer(folder, 4).pad([1, 2])).toEqual([1, 2, 2, 2]);
  });
});

describe('tokens of CLIP without tokenizer.json', () => {
  const folder = (): string => join(writeRandomPictures('sd', createFolder()), 'tokenizer');
  const idOf = (token: string): number => CLIP_VOCABULARY.indexOf(token);
  const idsOf = (...tokens: readonly string[]): number[] => ['<|startoftext|>', ...tokens, '<|endoftext|>'].map(idOf);

  it('are made of vocab.json and merges.txt: words in small letters, whose end is marked', () => {
    const { tokenize, pad } = openPromptTokenizer(folder(), 12);
    expect(tokenize('Red  circle!')).toEqual(idsOf('red</w>', 'ci', 'r', 'c', 'l', 'e</w>', '!</w>'));
    expect(tokenize('a b')).toEqual(idsOf('a</w>', 'b</w>'));
    expect(tokenize('')).toEqual(idsOf());
    expect(pad(tokenize('red')).slice(2)).toEqual(Array.from({ length: 10 }, () => idOf('<|endoftext|>')));
    expect(tokenize('red '.repeat(100))).toEqual(idsOf(...Array.from({ length: 10 }, () => 'red</w>')));
  });

  it('are refused without the special tokens', () => {
    const path = folder();
    writeFileSync(join(path, 'vocab.json'), '{"a</w>": 0}');
    expect(() => openPromptTokenizer(path, 12)).toThrow(/its vocab\.json lacks a special token/);
  });
});
