import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { createSafetensors } from '@ogong/testing/hub/hub-model';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FILE_FORMATS, type FileFormat } from '../file-format.ts';
import type { ManifestFile } from '../manifest.ts';
import { checkContent, checkExternalFiles } from './check-content.ts';

const TINY = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

let directory: TestDirectory;
beforeEach(() => {
  directory = createTestDirectory('hub-content');
});
afterEach(() => directory.remove());

function check(format: FileFormat, content: Uint8Array | string): Promise<readonly string[]> {
  const place = join(directory.path, 'file');
  writeFileSync(place, content);
  return checkContent({ path: 'a', format }, place);
}

const windows = Buffer.alloc(256);
windows.write('MZ');
windows.writeUInt32LE(128, 0x3c);
windows.write('PE\0\0', 128);
const PROGRAMS: readonly [string, Uint8Array][] = [
  ['a pickle', Buffer.from('80027d71002e', 'hex')],
  ['a framed pickle', Buffer.from('8004950a00000000000000', 'hex')],
  ['a pickle of PyTorch', Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex')],
  ['a zipped pickle', Buffer.from('504b0304140000', 'hex')],
  ['a library of Linux', Buffer.from('7f454c4602010100', 'hex')],
  ['a library of macOS', Buffer.from('cffaedfe0700', 'hex')],
  ['a library of Windows', windows],
  ['a script', Buffer.from('#!/bin/sh\n')],
];

describe('the content of a file', () => {
  it.each(FILE_FORMATS)('in %s is no program', async (format) => {
    for (const [name, content] of PROGRAMS) await expect(check(format, content), name).rejects.toThrow('a is a');
  });

  it('is a whole file of its format', async () => {
    const place = join(directory.path, 'tiny');
    copyFileSync(TINY, place);
    expect(await checkContent({ path: 'a.gguf', format: 'gguf' }, place)).toEqual([]);
    expect(await check('safetensors', createSafetensors(100))).toEqual([]);
    const weights = [{ type: 1, values: 4, file: 'b.onnx_data' }];
    expect(await check('onnx', encodeOnnx({ operators: ['Add', 'com.microsoft:Gelu'], weights }))).toEqual([
      'b.onnx_data',
    ]);
    expect(await check('json', '{"a":[1]}')).toEqual([]);
    expect(await check('text', 'Grüße,\r\n\tfree.')).toEqual([]);
    expect(await check('onnx-data', new Uint8Array(9))).toEqual([]);
  });

  const header = (content: unknown, data = 4): Uint8Array => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    const file = Buffer.alloc(8 + text.length + data);
    file.writeBigUInt64LE(BigInt(text.length));
    file.write(text, 8);
    return file;
  };
  const tensor = (from: number, to: number, rest = {}) => ({
    dtype: 'U8',
    shape: [to - from],
    data_offsets: [from, to],
    ...rest,
  });

  it.each<[string, FileFormat, Uint8Array | string]>([
    ['an empty GGUF file', 'gguf', 'GGUF'],
    ['a GGUF file of another kind', 'gguf', 'XGUF\u0003'],
    ['an ONNX file without a graph', 'onnx', ''],
    ['an ONNX file that is text', 'onnx', 'import os'],
    ['an operator that needs a library', 'onnx', encodeOnnx({ operators: ['acme:Run'] })],
    ['JSON that is cut', 'json', '{"a":'],
    ['JSON that is deep', 'json', '['.repeat(100)],
    ['text with a control character', 'text', 'a\u001b[2Jb'],
    ['text that is no UTF-8', 'text', Buffer.from([0x61, 0xff])],
    ['safetensors without a header', 'safetensors', 'abc'],
    ['safetensors with a header beyond the file', 'safetensors', header({}).with(1, 9)],
    ['safetensors with an absurd header', 'safetensors', header({}).with(6, 9)],
    ['safetensors with a list', 'safetensors', header('[]')],
    ['safetensors with text for a header', 'safetensors', header('{]')],
    ['safetensors with bytes behind the tensors', 'safetensors', header({ a: tensor(0, 3) })],
    ['safetensors with a gap', 'safetensors', header({ a: tensor(0, 1), b: tensor(2, 4) })],
    ['safetensors with tensors over each other', 'safetensors', header({ a: tensor(0, 3), b: tensor(2, 4) })],
    ['safetensors with a tensor beyond the file', 'safetensors', header({ a: tensor(0, 5) })],
    ['safetensors with a tensor without a type', 'safetensors', header({ a: tensor(0, 4, { dtype: 1 }) })],
    ['safetensors with a negative place', 'safetensors', header({ a: tensor(-1, 4) })],
  ])('is not %s', async (_name, format, content) => {
    await expect(check(format, content)).rejects.toMatchObject({ name: 'ContentError' });
  });
});

describe('weights beside an ONNX file', () => {
  const [any] = createTestManifest(crypto).files as [ManifestFile];
  const onnx: ManifestFile = { ...any, path: 'unet/model.onnx', format: 'onnx' };
  const data: ManifestFile = { ...any, path: 'unet/model.onnx_data', format: 'onnx-data' };

  it('are files of the manifest in the same folder, all of them', () => {
    const find = (files: readonly ManifestFile[], names: readonly string[]) => () =>
      checkExternalFiles(files, new Map([[onnx.path, names]]));
    expect(find([onnx, data], ['model.onnx_data'])).not.toThrow();
    for (const name of ['../model.onnx_data', '/etc/passwd', 'other', '..\\a', '', 'model.onnx'])
      expect(find([onnx, data], [name]), name).toThrow('no file of the model beside it');
    expect(find([onnx], ['model.onnx_data'])).toThrow('no file of the model beside it');
    expect(find([onnx, data], [])).toThrow('no ONNX file reads');
  });
});
