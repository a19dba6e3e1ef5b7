import { type HostPort, readHostPort } from '../config/values.ts';

export { formatHostPort, type HostPort } from '../config/values.ts';

/**
 * Reads an address from the registry or an announcement: `host:port`, `[v6]:port`, or either after `https://`.
 * @throws RangeError naming the text.
 */
export function parseHostPort(text: string): HostPort {
  const address = readHostPort(text.replace(/^https:\/\//, ''));
  if (address === undefined) {
    throw new RangeError(`not an endpoint: ${JSON.stringify(text.slice(0, 80))}; expected host:port`);
  }
  return address;
}
