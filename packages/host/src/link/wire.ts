import type { LinkClient, LinkClientOptions } from './link-client.ts';
import type { LinkServer, LinkServerDependencies, LinkServerOptions } from './link-server.ts';

/** The transport of a daemon's links. Without one in the identity it is TLS over TCP; a simulator passes its own. */
export interface Wire {
  serve(options: LinkServerOptions, dependencies: LinkServerDependencies): LinkServer;
  connect(options: LinkClientOptions): LinkClient;
}
