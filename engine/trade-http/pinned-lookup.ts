/**
 * Names are resolved once and their addresses kept: what was checked is what is connected to, whatever a name server
 * answers later (DNS rebinding). Only after a failed connection is a name asked again, and its answer checked again.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './addresses.ts';

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name; rejects where there are none. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

export const resolveBySystem: Resolve = (host) => systemLookup(host, { all: true });

/** A name that leads to an address where no request may go. */
export class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress';
}

export interface PinnedLookup {
  /** For `net.connect`; never called by node for a host that is an address already, see checkLiteral(). */
  readonly lookup: LookupFunction;
  /** Asks again at the next connection. */
  forget(): void;
}

/** @param allowPrivate of the sandbox only */
export function pinnedLookup(resolve: Resolve, allowPrivate: boolean): PinnedLookup {
  const pinned = new Map<string, Promise<readonly Address[]>>();

  const resolved = async (host: string): Promise<readonly Address[]> => {
    const addresses = await resolve(host);
    if (addresses.length === 0) throw new Error('the name has no address');
    // One wrong address among good ones is enough: which is used is not ours to choose.
    if (!allowPrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
      throw new ForbiddenAddress('the name leads to an address that is not public');
    }
    return addresses;
  };
  const addressesOf = (host: string) => {
    let known = pinned.get(host);
    if (known === undefined) {
      pinned.set(host, (known = resolved(host)));
      // A failure is not kept.
      known.catch(() => pinned.delete(host));
    }
    return known;
  };

  return {
    lookup(host, options, callback) {
      addressesOf(host).then(
        (addresses) => {
          if (options.all === true) callback(null, [...addresses]);
          else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
        },
        (error: unknown) => callback(error as NodeJS.ErrnoException, []),
      );
    },
    forget: () => pinned.clear(),
  };
}

/** @returns whether requests may go to this host as it stands in a URL, where that is an address and no name */
export function checkLiteral(hostname: string, allowPrivate: boolean): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 || allowPrivate || isPublicAddress(host);
}
