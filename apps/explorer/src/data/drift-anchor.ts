import type { Deployment } from '@ogong/chain/deployment';
import { parametersAbi } from '@ogong/chain/generated/abi';
import type { ChainReader } from './rpc.ts';

/** The hash of the drift table that the chain names, 64 hexadecimal digits; undefined if it names none. @throws if the chain cannot be read. */
export function readDriftAnchor(reader: ChainReader, deployment: Deployment): Promise<string | undefined> {
  return reader.read('the drift table', async (client) => {
    const parameters = { address: deployment.parameters, abi: parametersAbi } as const;
    const { hash } = await client.readContract({ ...parameters, functionName: 'driftTable' });
    return /^0x0+$/.test(hash) ? undefined : hash.slice(2).toLowerCase();
  });
}
