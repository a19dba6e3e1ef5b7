import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toDialPolicy } from '@ogong/host/link/public-address';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { PUBLIC_SERVICES } from '@ogong/hub/place-address';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { PageNetwork } from '../public-handlers.ts';
import type { PublicReader } from '../public-reader.ts';
import { createHubReader, type HubReader } from './hub-reader.ts';

export interface HubReaderParts {
  readonly network: PageNetwork;
  readonly chain: Pick<ChainView, 'client'>;
  readonly reader: PublicReader;
  readonly clock: Clock;
  /** Server that reads IPFS. Absent: places on IPFS are not read. */
  readonly ipfsGateway: string | undefined;
}

/** Creates the reader of the hub of a deployment. Places on local networks are read on local chains alone. */
export function openHubReader({
  network: { deployment },
  chain,
  reader,
  clock,
  ipfsGateway,
}: HubReaderParts): HubReader {
  const chainId = BigInt(deployment.chainId);
  return createHubReader({
    client: chain.client,
    registry: { chainId, verifyingContract: fromHex(deployment.models.replace(/^0x/, ''), 20) },
    hasPins: deployment.pins !== undefined,
    supply: reader,
    ...{ crypto, clock },
    policy: toDialPolicy(chainId),
    services: { ...PUBLIC_SERVICES, ipfs: ipfsGateway },
  });
}
