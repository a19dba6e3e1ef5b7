import { type Endpoint, parseEndpoint as read } from '../config/values.ts';

export { type Endpoint, formatEndpoint } from '../config/values.ts';

/**
 * Reads an address that somebody else wrote down, in the registry or an announcement: `host:port`, `[v6]:port`, or
 * either after `https://`.
 * @throws RangeError naming the text.
 */
export function parseEndpoint(text: string): Endpoint {
  const endpoint = read(text.replace(/^https:\/\//, ''));
  if (endpoint === undefined) {
    throw new RangeError(`not an endpoint: ${JSON.stringify(text.slice(0, 80))}; expected host:port`);
  }
  return endpoint;
}
