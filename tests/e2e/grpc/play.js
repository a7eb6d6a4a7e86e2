// SPDX-License-Identifier: Apache-2.0
//
// Both ends of gRPC's four kinds of call, by gRPC's own library, for test_grpc.py. Messages are bare bytes:
// what is judged is the transport.
//
//     node play.js serve                          prints its port; serves until its input ends
//     node play.js ask TARGET AUTHORITY CA CASE   prints what came of it, as JSON; CA '-': cleartext
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');

const bytes = { requestSerialize: (b) => b, requestDeserialize: (b) => b, responseSerialize: (b) => b,
	responseDeserialize: (b) => b };
const method = (name, requestStream, responseStream) =>
	({ path: `/meridian.Play/${name}`, requestStream, responseStream, ...bytes });
const service = {
	unary: method('Unary', false, false),
	down: method('Down', false, true),
	up: method('Up', true, false),
	both: method('Both', true, true),
	fail: method('Fail', false, false),
	hang: method('Hang', false, true),
};

let hung = 0, cancelled = 0;

const handlers = {
	unary(call, done) {
		const trailers = new grpc.Metadata();
		trailers.set('x-trailer', 'at the end');
		trailers.set('x-blob-bin', Buffer.from([0, 1, 255]));
		const first = new grpc.Metadata();
		first.set('x-first', String(call.metadata.get('x-ask')[0] || ''));
		call.sendMetadata(first);
		done(null, call.request, trailers);
	},
	down(call) {
		const [count, size] = call.request.toString().split(' ').map(Number);
		let sent = 0;
		const go = () => {
			while (sent < count)
				if (!call.write(Buffer.alloc(size, sent++ % 256)))
					return call.once('drain', go);
			call.end();
		};
		go();
	},
	up(call, done) {
		let count = 0, total = 0;
		call.on('data', (message) => { count++; total += message.length; });
		call.on('end', () => done(null, Buffer.from(`${count} ${total}`)));
	},
	both(call) {
		call.on('data', (message) => call.write(message));
		call.on('end', () => call.end());
	},
	fail(call, done) {
		if (call.request.toString() === 'hung')
			return done(null, Buffer.from(`${hung} ${cancelled}`));
		const trailers = new grpc.Metadata();
		trailers.set('x-why', 'because');
		done({ code: grpc.status.NOT_FOUND, details: 'no such thing: 100% \u00fc', metadata: trailers });
	},
	hang(call) {
		hung++;
		call.on('cancelled', () => cancelled++);
		call.write(Buffer.from('begun'));
	},
};

function serve() {
	const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
	server.addService(service, handlers);
	server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
		if (error)
			throw error;
		console.log(port);
	});
	process.stdin.on('end', () => process.exit(0)).resume();
}

const call = (client, name, request, metadata, options) => new Promise((resolve) => {
	const out = {};
	const it = client[name](request, metadata || new grpc.Metadata(), options || {}, (error, answer) => {
		out.code = error ? error.code : 0;
		out.details = error ? error.details : '';
		out.answer = answer;
	});
	it.on('metadata', (m) => { out.first = m.getMap(); });
	it.on('status', (s) => { out.trailers = s.metadata.getMap(); setImmediate(() => resolve(out)); });
});

const read = (stream, on_message) => new Promise((resolve) => {
	let count = 0, total = 0;
	stream.on('data', (m) => { count++; total += m.length; if (on_message) on_message(m, count); });
	stream.on('error', () => {});
	stream.on('status', (s) => resolve({ code: s.code, details: s.details, count, total }));
});

const soon = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const cases = {
	async unary(client) {
		const metadata = new grpc.Metadata();
		metadata.set('x-ask', 'please');
		const out = await call(client, 'unary', Buffer.from('hello'), metadata);
		return { ...out, answer: String(out.answer), blob: [...(out.trailers['x-blob-bin'] || [])] };
	},
	async empty(client) {
		const out = await call(client, 'unary', Buffer.alloc(0));
		return { code: out.code, size: out.answer.length };
	},
	async large(client) {
		const out = await call(client, 'unary', Buffer.alloc(3000000, 7));
		return { code: out.code, size: out.answer.length, same: out.answer.every((b) => b === 7) };
	},
	server_streams: (client) => read(client.down(Buffer.from('500 3000'))),
	async client_streams(client) {
		return new Promise((resolve) => {
			const stream = client.up((error, answer) =>
				resolve({ code: error ? error.code : 0, answer: String(answer) }));
			for (let i = 0; i < 500; i++)
				stream.write(Buffer.alloc(3000));
			stream.end();
		});
	},
	async both_stream(client) { // a game of ping-pong: nothing may be held back anywhere
		const stream = client.both();
		const out = read(stream, (_, count) =>
			count < 200 ? stream.write(Buffer.from(`ping ${count}`)) : stream.end());
		stream.write(Buffer.from('first'));
		return out;
	},
	async many(client) {
		const all = await Promise.all(Array.from({ length: 300 }, (_, i) =>
			call(client, 'unary', Buffer.from(`number ${i}`))));
		return { good: all.filter((out, i) => out.code === 0 && String(out.answer) === `number ${i}`).length };
	},
	async fail(client) {
		const out = await call(client, 'fail', Buffer.from('x'));
		return { code: out.code, details: out.details, why: out.trailers['x-why'] };
	},
	async deadline(client) {
		const stream = client.hang(Buffer.from('x'), { deadline: Date.now() + 3000 });
		const out = await read(stream);
		let counts;
		for (let i = 0; i < 100 && counts !== '1 1'; i++, await soon(50))
			counts = String((await call(client, 'fail', Buffer.from('hung'))).answer);
		return { ...out, counts };
	},
	async cancel(client) {
		const stream = client.hang(Buffer.from('x'));
		const out = await read(stream, () => stream.cancel());
		let counts;
		for (let i = 0; i < 100 && counts !== '2 2'; i++, await soon(50))
			counts = String((await call(client, 'fail', Buffer.from('hung'))).answer);
		return { ...out, counts };
	},
	async refused(client) {
		const out = await call(client, 'unary', Buffer.from('hello'));
		return { code: out.code, details: out.details };
	},
};

async function ask(target, authority, ca, name) {
	const credentials = ca === '-' ? grpc.credentials.createInsecure()
		: grpc.credentials.createSsl(fs.readFileSync(ca));
	const Client = grpc.makeGenericClientConstructor(service, 'Play');
	const client = new Client(target, credentials, { 'grpc.default_authority': authority,
		'grpc.ssl_target_name_override': authority, 'grpc.max_receive_message_length': -1,
		'grpc.enable_retries': 0 });
	console.log(JSON.stringify(await cases[name](client)));
	client.close();
}

if (process.argv[2] === 'serve')
	serve();
else
	ask(...process.argv.slice(3));
