import { EngineError } from '../interface/engine-error.ts';

/** The address of a server without `/v1`, so that its own paths can be appended. @throws EngineError 'invalid-request' */
export function parseUpstreamAddress(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new EngineError('invalid-request', `the upstream address has to be an http:// or https:// address`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new EngineError(
      'invalid-request',
      'the upstream address has no name, password or query in it: give a key in a file, or in the environment',
    );
  }
  return url.href.replace(/\/+$/, '').replace(/\/v1$/, '');
}

/** Whether what is sent there can be read on the way: a key must not be. */
export function isPrivateAddress(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' || hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}
