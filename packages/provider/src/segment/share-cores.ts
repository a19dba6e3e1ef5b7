import { networkInterfaces } from 'node:os';
import { countCores } from '@ogong/engine/llama-cpp/device/platform';
import type { HostPort } from '@ogong/host/config/values';

/** Whether an address is one of this machine. A name other than `localhost` counts as another machine. */
export function isOwnAddress({ host }: Pick<HostPort, 'host'>, interfaces = networkInterfaces()): boolean {
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true;
  return Object.values(interfaces).some((addresses) => addresses?.some(({ address }) => address === host));
}

/** Cores of one of several processes with parts of a model: those on this machine share its cores. */
export const shareCores = (
  others: readonly Pick<HostPort, 'host'>[],
  { cores = countCores(), isOwn = (other: Pick<HostPort, 'host'>) => isOwnAddress(other) } = {},
): number => Math.max(1, Math.floor(cores / (1 + others.filter(isOwn).length)));
