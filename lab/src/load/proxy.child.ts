// The least that stands between a client and a server: node:http that passes on what it gets.
import { Agent, request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

process.once('message', (given: { readonly upstream: string }) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const server = createServer((request, response) => {
    const { method, headers, url = '/' } = request;
    const passed = ask(new URL(url, given.upstream), { method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
});
