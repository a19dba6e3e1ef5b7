import type { ServerResponse } from 'node:http';
import { openHttpPlace } from '@ogong/hub/named/open-place';
import type { HubAttack } from './attack.ts';

/** It answers each request with a body without end. */
export const endlessBody: HubAttack = {
  name: 'endless-body',
  adversary: 'mirror that sends without end',
  aim: 'the memory of a reader',
  stoppedBy: 'A reader knows each size from the manifest and reads no further. A body that was cut has another hash',
  caughtBy: 'wrong-list',
  async play({ place, read, serve }) {
    const { listBlocks, read: readBlob } = openHttpPlace(await serve((_request, response) => sendEndlessly(response)));
    return read({ ...place, listBlocks, read: readBlob });
  },
};

const sendEndlessly = (response: ServerResponse): void =>
  void response.write(new Uint8Array(65_536), (error) => !error && setImmediate(sendEndlessly, response));
