import { encodePng } from '@ogong/host/media/png';

/** Writes a PNG as gateways do, for tests of packages that do not depend on the daemons. */
export const packPng: typeof encodePng = encodePng;
