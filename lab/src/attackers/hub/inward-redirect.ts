import { createCheckedFetch } from '@ogong/host/http/checked-fetch';
import { openHttpPlace } from '@ogong/hub/named/open-place';
import { createPlaceOpener } from '@ogong/provider/provider/hub/place-opener';
import type { HubAttack } from './attack.ts';

/** Stands for the public internet. */
const fetch = createCheckedFetch({ isAllowed: (address) => address === '127.0.0.1' });

/** It is public itself, and redirects to a service in the reader's network. */
export const inwardRedirect: HubAttack = {
  name: 'inward-redirect',
  adversary: "maker whose place redirects into a reader's own network, or whose name changes its address",
  aim: 'requests from inside that network',
  stoppedBy:
    'Providers, storage providers and commands connect to the address that they have checked, for each redirect anew. **Left**: services that the user has set, such as a gateway of IPFS, may redirect anywhere',
  caughtBy: 'network that is not called',
  async play({ place, read, serve }) {
    let asked = 0;
    const address = await serve((_request, response) => {
      asked++;
      response.writeHead(302, { location: 'http://10.0.0.7:9/admin' }).end();
    });
    const hostile =
      createPlaceOpener({ own: [], services: {}, fetch })({ kind: 'http', address }) ?? openHttpPlace(address);
    const course = await read({ ...place, listBlocks: hostile.listBlocks, read: hostile.read });
    return { ...course, isHarmed: course.isHarmed || asked === 0 };
  },
};
