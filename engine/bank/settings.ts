/** BANK_URL and its siblings: where money and codes go. */
import type { EnvironmentReader } from '../environment.ts';
import type { OutsideServer } from './http-bank.ts';

export interface OutsideSettings {
  /** BANK_URL, BANK_TOKEN; undefined: nothing is paid out by this process. */
  readonly bank: OutsideServer | undefined;
  /** CODE_SENDER_URL, CODE_SENDER_TOKEN; undefined: no codes are sent by this process. */
  readonly codeSender: OutsideServer | undefined;
  /** SANDBOX: `npm start` brings a bank and an outbox of its own, for development. */
  readonly sandbox: boolean;
  /** SANDBOX_PORT; the next after PORT by default. */
  readonly sandboxPort: number;
}

const portMax = 65_535;
const tokenPattern = /^[\x21-\x7e]{1,1024}$/;

/** @param embedded without DATABASE_URL: development, unless NODE_ENV says otherwise */
export function readOutside(
  read: EnvironmentReader,
  options: { readonly embedded: boolean; readonly port: number },
): OutsideSettings {
  const isProduction = read.text('NODE_ENV') === 'production';
  const bank = readServer(read, 'BANK', isProduction);
  const codeSender = readServer(read, 'CODE_SENDER', isProduction);
  const given = read.boolean('SANDBOX');
  if (given === true && isProduction) {
    throw read.error('SANDBOX', 'must not be true with NODE_ENV=production: it pays nobody');
  }
  const isNeeded = bank === undefined && codeSender === undefined;
  if (given === true && !isNeeded) {
    throw read.error('SANDBOX', 'must not be true with BANK_URL or CODE_SENDER_URL: it is both');
  }
  return {
    bank,
    codeSender,
    sandbox: given ?? (options.embedded && isNeeded && !isProduction),
    sandboxPort:
      read.integer('SANDBOX_PORT', { min: 1, max: portMax }) ?? (options.port % portMax) + 1,
  };
}

function readServer(
  read: EnvironmentReader,
  name: 'BANK' | 'CODE_SENDER',
  isProduction: boolean,
): OutsideServer | undefined {
  const variable = `${name}_URL`;
  const text = read.url(variable, ['https:', 'http:']);
  const token = read.text(`${name}_TOKEN`);
  if (token !== undefined && !tokenPattern.test(token)) {
    throw read.error(`${name}_TOKEN`, 'must be printable ASCII without blanks, at most 1024');
  }
  if (text === undefined) return undefined;
  const url = new URL(text);
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw read.error(variable, `must have no user, ? and #; a secret belongs into ${name}_TOKEN`);
  }
  // Cards and codes travel there.
  if (url.protocol !== 'https:' && (isProduction || !isThisMachine(url))) {
    throw read.error(
      variable,
      'must begin with https:// (http:// only for this machine, in development)',
    );
  }
  return { url: url.href.replace(/\/+$/, ''), token };
}

function isThisMachine({ hostname }: URL): boolean {
  return ['localhost', '[::1]'].includes(hostname) || /^127(\.\d+){3}$/.test(hostname);
}

/** Where a sandbox is found by the server that brings it. */
export function sandboxServers(port: number): Pick<OutsideSettings, 'bank' | 'codeSender'> {
  const server = (path: string) => ({ url: `http://127.0.0.1:${port}/${path}`, token: undefined });
  return { bank: server('bank'), codeSender: server('codes') };
}
