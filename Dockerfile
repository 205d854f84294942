# One image for every node; SERVICES says what a container runs. Alone, with no URL set, it is the whole hub:
#   docker build -t subscription-hub . && docker run -p 3000:3000 -v hub-data:/data subscription-hub

FROM node:22-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS build
RUN npm ci
COPY . .
RUN npm run build

FROM base AS dependencies
RUN npm ci --omit=dev

FROM node:22-slim
ENV NODE_ENV=production DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY public ./public
RUN install -d -o node -g node /data
VOLUME /data
USER node
EXPOSE 3000
# An empty variable counts as unset. Degraded (a broker is away) is still 200: the node takes orders, so it is healthy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.METRICS_PORT || process.env.PORT || 3000}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# node itself is process 1, so that SIGTERM reaches it and it drains.
CMD ["node", "--max-semi-space-size=32", "dist/hub.js"]
