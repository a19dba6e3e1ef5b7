/** A TCP address, as announcements and the registry name it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, `[v6]:port` or `https://host:port`.
 * @throws RangeError naming the text.
 */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:https:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]{1,253})):([0-9]{1,5})\/?$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port >= 0 && port <= 65_535)) {
    throw new RangeError(`not an endpoint: ${JSON.stringify(text.slice(0, 80))}; expected host:port`);
  }
  return { host, port };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
