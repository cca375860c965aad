/**
 * One client of the contract for all users: sends a request until it is answered, and notes every answer. A broken
 * connection, a 503 and a request still in progress mean "unknown": the same request is sent again (invariant 7).
 */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { testSecret } from '../setup/server.ts';
import type { Dice } from './dice.ts';
import type { Ask, Evidence, Heard } from './evidence.ts';

/** Short, so that clients give up on a paused server and repeat while it still holds their first request. */
const answerMs = 6_000;
/** The audit reads every row there is. */
const auditMs = 600_000;
const patienceMs = 180_000;

interface Raw {
  readonly status: number;
  readonly text: string;
}

export class Caller {
  readonly #urls: readonly string[];
  readonly #evidence: Evidence;
  readonly #dice: Dice;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #tokens = new Map<string, Promise<string>>();

  constructor(urls: readonly string[], evidence: Evidence, dice: Dice) {
    this.#urls = urls;
    this.#evidence = evidence;
    this.#dice = dice;
  }

  /** Resolves with the one answer, or undefined when there was none for so long that the drill has failed. */
  async ask(ask: Ask): Promise<Heard | undefined> {
    const op = this.#evidence.nextOp();
    const firstSentAt = Date.now();
    const token = await this.#token(ask.user);
    let unanswered = 0;
    while (Date.now() - firstSentAt < patienceMs) {
      const node = this.#dice.between(0, this.#urls.length - 1);
      const sentAt = Date.now();
      const raw = await this.#send(this.#urls[node] ?? '', ask, token);
      if (typeof raw !== 'string') {
        const body = raw.text === '' ? {} : (JSON.parse(raw.text) as Heard['body']);
        const code = raw.status < 300 ? undefined : String(body['code']);
        if (raw.status !== 503 && code !== 'idempotency_in_progress') {
          const { status } = raw;
          const { round } = this.#evidence;
          const times = { firstSentAt, sentAt, heardAt: Date.now() };
          const heard = { ask, op, round, node, ...times, unanswered, status, code, body };
          this.#evidence.add(heard);
          return heard;
        }
        this.#evidence.miss(`${raw.status} ${code}`);
      } else this.#evidence.miss(raw);
      unanswered += 1;
      await sleep(this.#dice.between(50, 250));
    }
    this.#evidence.neverAnswered.push(ask);
    return undefined;
  }

  #token(user: string): Promise<string> {
    let token = this.#tokens.get(user);
    if (token === undefined) {
      token = new SignJWT(user === 'operator' ? { scope: 'operator' } : {})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(user)
        .setAudience('hongbao')
        .setExpirationTime('24h')
        .sign(new TextEncoder().encode(testSecret));
      this.#tokens.set(user, token);
    }
    return token;
  }

  /** The answer, or why there was none. */
  #send(url: string, ask: Ask, token: string): Promise<Raw | string> {
    const { method, path } = routeOf(ask);
    const text = method === 'GET' ? '' : JSON.stringify(bodyOf(ask));
    const headers: Record<string, string | number> = { authorization: `Bearer ${token}` };
    if (ask.key !== undefined) headers['idempotency-key'] = ask.key;
    if (method !== 'GET') {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(text);
    }
    return new Promise((resolve) => {
      const timeout = ask.action === 'audit' ? auditMs : answerMs;
      const options = { agent: this.#agent, method, headers, timeout };
      const request = httpRequest(`${url}${path}`, options, (response) => {
        let received = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          received += chunk;
        });
        response.on('error', (error) => resolve(reasonOf(error)));
        response.on('end', () => {
          // A server that dies in the middle of an answer has not answered.
          if (response.complete) resolve({ status: response.statusCode ?? 0, text: received });
          else resolve('cut short');
        });
      });
      request.on('error', (error) => resolve(reasonOf(error)));
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function reasonOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message;
}

function routeOf({ action, batch, open, after, linkKey }: Ask): {
  readonly method: 'GET' | 'POST';
  readonly path: string;
} {
  const query = new URLSearchParams();
  if (after !== undefined) query.set('after', after);
  switch (action) {
    case 'deposit':
      return { method: 'POST', path: '/v1/operator/deposits' };
    case 'create':
      return { method: 'POST', path: '/v1/batches' };
    case 'confirm':
    case 'audience':
      return { method: 'POST', path: `/v1/batches/${batch}/${action}` };
    case 'claim':
      return {
        method: 'POST',
        path: `/v1/batches/${batch}/claims${open === true ? '?open=true' : ''}`,
      };
    case 'open':
      return { method: 'POST', path: `/v1/batches/${batch}/open` };
    case 'accounts':
      return { method: 'GET', path: `/v1/accounts?${query.toString()}` };
    case 'page':
      if (linkKey !== undefined) query.set('k', linkKey);
      return { method: 'GET', path: `/v1/batches/${batch}?${query.toString()}` };
    case 'audit':
      return { method: 'GET', path: '/v1/operator/audit' };
    case 'claims':
      query.set('limit', '200');
      return { method: 'GET', path: `/v1/batches/${batch}/claims?${query.toString()}` };
  }
}

function bodyOf({ action, linkKey, packet, body }: Ask): object {
  if (action === 'claim') return linkKey === undefined ? {} : { key: linkKey };
  if (action === 'open') return packet === undefined ? {} : { packetId: packet };
  return body ?? {};
}
