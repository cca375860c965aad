# Runs from source: Node strips the types, nothing is built.
FROM node:26-bookworm-slim

WORKDIR /app
RUN mkdir /app/data && chown node:node /app /app/data

# The image brings Node 26 itself, so the pinned binaries are left out; the embedded PostgreSQL
# stays, for a trial run without DATABASE_URL. Its binaries arrive as an optional dependency.
COPY --chown=node:node package.json package-lock.json ./
USER node
RUN npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/node-linux-* node_modules/.bin/node

COPY --chown=node:node . .

ENV NODE_ENV=production \
    DATA_DIR=/app/data
VOLUME /app/data
EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 8080}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# Not through npm: signals must reach the process that drains.
CMD ["node", "gateway/main.ts"]
