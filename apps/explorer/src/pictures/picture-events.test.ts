import { describe, expect, it } from 'vitest';
import { readEventData, readPictureEvents } from './picture-events.ts';

const body = (...pieces: string[]) => new Blob(pieces).stream();

async function readAll(...pieces: string[]) {
  const found = [];
  for await (const event of readPictureEvents(readEventData(body(...pieces)))) found.push(event);
  return found;
}

describe('a stream of a picture', () => {
  it('has steps, previews and the picture, of an edit too, and events of other types are left out', async () => {
    const lines = [
      'event: image_generation.progress\ndata: {"type":"image_generation.progress","step":1,"steps":2}\n\n',
      ': still here\n\ndata: {"type":"image_generation.partial_image","b64_json":"AA=="}\n\n',
      'data: {"type":"another"}\n\ndata: {"type":"image_edit.completed","b64_json":"AQ==",',
      '"usage":{"output_tokens":5},"ogong":{"receipts":[{"url":"/v1/receipts/a"}]}}\n\n',
    ];
    expect(await readAll(...lines)).toEqual([
      { kind: 'step', step: 1, steps: 2 },
      { kind: 'preview', png: 'AA==' },
      { kind: 'picture', png: 'AQ==', units: 5, receipt: '/v1/receipts/a' },
    ]);
  });

  it('ends with the message of the server if it fails', async () => {
    const failed = readAll('data: {"type":"error","error":{"message":"no slot is free"}}\n\n');
    await expect(failed).rejects.toThrow('no slot is free');
  });
});
