SELECT 'revision 0050';
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE messages (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	message TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	anchor TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	mine BOOLEAN NOT NULL, 
	author TEXT NOT NULL, 
	author_name TEXT NOT NULL, 
	author_locale TEXT NOT NULL, 
	author_bot BOOLEAN NOT NULL, 
	text TEXT NOT NULL, attached JSON, 
	CONSTRAINT pk_messages PRIMARY KEY (platform, team, channel, message, thread)
);
CREATE TABLE threads (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	direct BOOLEAN NOT NULL, 
	joined BOOLEAN NOT NULL, 
	filled BOOLEAN NOT NULL, 
	at_us BIGINT NOT NULL, since_us BIGINT, joined_at_us BIGINT, 
	CONSTRAINT pk_threads PRIMARY KEY (platform, team, channel, thread)
);
CREATE TABLE turns (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	message TEXT NOT NULL, 
	question TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	direct BOOLEAN NOT NULL, 
	author TEXT NOT NULL, 
	author_name TEXT NOT NULL, 
	author_locale TEXT NOT NULL, 
	author_bot BOOLEAN NOT NULL, 
	text TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	addressed BOOLEAN NOT NULL, 
	to_others BOOLEAN NOT NULL, 
	replies_to TEXT NOT NULL, 
	ticket TEXT NOT NULL, 
	task TEXT NOT NULL, 
	state TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	posted JSON NOT NULL, 
	answer TEXT NOT NULL, 
	again_of BIGINT, 
	notice TEXT NOT NULL, 
	error TEXT NOT NULL, 
	ref TEXT NOT NULL, 
	ended_at_us BIGINT, buttons JSON, may_read BOOLEAN DEFAULT 1 NOT NULL, deaths INTEGER DEFAULT '0' NOT NULL, arguments JSON DEFAULT '{}' NOT NULL, attached JSON, quoted JSON, started_by TEXT DEFAULT '' NOT NULL, started_by_name TEXT DEFAULT '' NOT NULL, started_at_us BIGINT, anonymous TEXT, offered JSON, cited JSON, epoch BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT uq_turns_platform_team_channel_message UNIQUE (platform, team, channel, message)
);
CREATE TABLE posts (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	message TEXT NOT NULL, 
	turn_id BIGINT NOT NULL, 
	page INTEGER NOT NULL, 
	CONSTRAINT pk_posts PRIMARY KEY (platform, team, channel, message), 
	CONSTRAINT fk_posts_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE settings (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY (platform, team, channel, name)
);
CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	name TEXT NOT NULL, 
	old TEXT, 
	new TEXT, 
	person TEXT NOT NULL, 
	person_name TEXT NOT NULL, 
	at_us BIGINT NOT NULL
);
CREATE TABLE feedback (
	turn_id BIGINT NOT NULL, 
	person TEXT NOT NULL, 
	value INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	CONSTRAINT pk_feedback PRIMARY KEY (turn_id, person), 
	CONSTRAINT fk_feedback_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE notices (
	"key" TEXT NOT NULL, 
	CONSTRAINT pk_notices PRIMARY KEY ("key")
);
CREATE TABLE steps (
	turn_id BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	content JSON NOT NULL, 
	at_us BIGINT NOT NULL, pictured_at_us BIGINT, 
	CONSTRAINT pk_steps PRIMARY KEY (turn_id, number), 
	CONSTRAINT fk_steps_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE heard (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	until_us BIGINT NOT NULL, 
	CONSTRAINT pk_heard PRIMARY KEY (platform, team)
);
CREATE TABLE uploads (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	message TEXT NOT NULL, 
	source TEXT NOT NULL, 
	name TEXT NOT NULL, 
	media_type TEXT NOT NULL, 
	content BLOB NOT NULL, 
	at_us BIGINT NOT NULL, announced BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_uploads PRIMARY KEY (platform, team, channel, message, source)
);
CREATE TABLE tool_grants (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	tool TEXT NOT NULL, 
	person TEXT NOT NULL, 
	granted_by TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	CONSTRAINT pk_tool_grants PRIMARY KEY (platform, team, channel, thread, tool, person)
);
CREATE TABLE forgotten (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	person TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	CONSTRAINT pk_forgotten PRIMARY KEY (platform, team, person)
);
CREATE TABLE "usage" (
	turn_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	person TEXT NOT NULL, 
	model TEXT NOT NULL, 
	state TEXT NOT NULL, 
	prompt_tokens INTEGER NOT NULL, 
	completion_tokens INTEGER NOT NULL, 
	reasoning_tokens INTEGER NOT NULL, 
	estimated BOOLEAN NOT NULL, 
	estimate_tokens INTEGER NOT NULL, 
	cost_micros BIGINT, 
	latency_ms INTEGER NOT NULL, 
	error TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	cached_tokens INTEGER DEFAULT '0' NOT NULL, 
	partly_priced BOOLEAN DEFAULT 0 NOT NULL, 
	first_word_ms INTEGER, own_account BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_usage PRIMARY KEY (turn_id), 
	CONSTRAINT fk_usage_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE usage_sums (
	kind TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	name TEXT NOT NULL, 
	answers INTEGER NOT NULL, 
	questions INTEGER NOT NULL, 
	errors INTEGER NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	cached_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	cost_micros BIGINT NOT NULL, 
	unpriced INTEGER NOT NULL, own_cost_micros BIGINT DEFAULT '0' NOT NULL, own_unpriced INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_usage_sums PRIMARY KEY (kind, at_us, platform, team, channel, name)
)
 WITHOUT ROWID

;
CREATE TABLE spending (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	person TEXT NOT NULL, 
	period TEXT NOT NULL, 
	since_us BIGINT NOT NULL, 
	until_us BIGINT NOT NULL, 
	micros BIGINT NOT NULL, 
	tokens BIGINT NOT NULL, lifted JSON, 
	CONSTRAINT pk_spending PRIMARY KEY (platform, team, channel, person, period, since_us)
);
CREATE TABLE reservations (
	turn_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	person TEXT NOT NULL, 
	micros BIGINT NOT NULL, 
	tokens BIGINT NOT NULL, counted_micros BIGINT DEFAULT '0' NOT NULL, counted_tokens BIGINT DEFAULT '0' NOT NULL, at_us BIGINT DEFAULT '0' NOT NULL, own_account BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_reservations PRIMARY KEY (turn_id), 
	CONSTRAINT fk_reservations_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE charges (
	turn_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	model TEXT NOT NULL, 
	prompt_tokens INTEGER NOT NULL, 
	completion_tokens INTEGER NOT NULL, 
	reasoning_tokens INTEGER NOT NULL, 
	cached_tokens INTEGER NOT NULL, 
	sound_s FLOAT NOT NULL, 
	estimated BOOLEAN NOT NULL, 
	cost_micros BIGINT, 
	partly_priced BOOLEAN NOT NULL, 
	CONSTRAINT pk_charges PRIMARY KEY (turn_id, kind, model), 
	CONSTRAINT fk_charges_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE operation_counts (
	at_us BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	what TEXT NOT NULL, 
	why TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_operation_counts PRIMARY KEY (at_us, name, what, why)
);
CREATE TABLE thread_summaries (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	state TEXT NOT NULL, 
	until_us BIGINT NOT NULL, 
	until_anchor TEXT NOT NULL, 
	until_rank INTEGER NOT NULL, 
	until_message TEXT NOT NULL, 
	lines INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	model TEXT NOT NULL, 
	error TEXT NOT NULL, 
	at_us BIGINT NOT NULL, after_us BIGINT DEFAULT '0' NOT NULL, after_anchor TEXT DEFAULT '' NOT NULL, after_rank INTEGER DEFAULT '0' NOT NULL, after_message TEXT DEFAULT '' NOT NULL, times INTEGER DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_thread_summaries PRIMARY KEY (platform, team, channel, thread, state, until_us, until_anchor, until_rank, until_message)
);
CREATE TABLE sources (
	turn_id INTEGER NOT NULL, 
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	words TEXT NOT NULL, 
	CONSTRAINT pk_sources PRIMARY KEY (turn_id), 
	CONSTRAINT fk_sources_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE VIRTUAL TABLE source_words USING fts5(
    words, content='sources', content_rowid='turn_id', tokenize="ascii tokenchars '?'", detail=none, columnsize=0
);
CREATE VIRTUAL TABLE source_terms USING fts5vocab('source_words', 'row');
CREATE TRIGGER sources_added AFTER INSERT ON sources BEGIN INSERT INTO source_words(rowid, words) VALUES (new.turn_id, new.words); END;
CREATE TRIGGER sources_removed AFTER DELETE ON sources BEGIN INSERT INTO source_words(source_words, rowid, words) VALUES ('delete', old.turn_id, old.words); END;
CREATE TRIGGER sources_changed AFTER UPDATE OF words ON sources BEGIN INSERT INTO source_words(source_words, rowid, words) VALUES ('delete', old.turn_id, old.words); INSERT INTO source_words(rowid, words) VALUES (new.turn_id, new.words); END;
CREATE TABLE source_vectors (
	turn_id INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	dimension INTEGER NOT NULL, 
	vector BLOB NOT NULL, 
	CONSTRAINT pk_source_vectors PRIMARY KEY (turn_id), 
	CONSTRAINT fk_source_vectors_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE source_opinions (
	turn_id BIGINT NOT NULL, 
	source BIGINT NOT NULL, 
	person TEXT NOT NULL, 
	value INTEGER NOT NULL, 
	at_us BIGINT NOT NULL, 
	CONSTRAINT pk_source_opinions PRIMARY KEY (turn_id, source, person), 
	CONSTRAINT fk_source_opinions_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id), 
	CONSTRAINT fk_source_opinions_source FOREIGN KEY(source) REFERENCES turns (id)
);
CREATE TABLE failures (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	ref TEXT NOT NULL, 
	turn_id BIGINT, 
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	what TEXT NOT NULL, 
	code TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	account TEXT NOT NULL, 
	model TEXT NOT NULL, 
	status INTEGER NOT NULL, 
	request_id TEXT NOT NULL, 
	tries INTEGER NOT NULL, 
	places JSON, 
	CONSTRAINT fk_failures_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id)
);
CREATE TABLE partitions (
	partition INTEGER NOT NULL, 
	epoch BIGINT NOT NULL, 
	CONSTRAINT pk_partitions PRIMARY KEY (partition), 
	CONSTRAINT uq_partitions_epoch UNIQUE (epoch)
);
CREATE TABLE requests (
	"key" TEXT NOT NULL, 
	at_us BIGINT NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY ("key")
);
CREATE TABLE installations (
	platform TEXT NOT NULL, 
	enterprise TEXT NOT NULL, 
	team TEXT NOT NULL, 
	name TEXT NOT NULL, 
	url TEXT NOT NULL, 
	app TEXT NOT NULL, 
	bot_user TEXT NOT NULL, 
	bot TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	installed_by TEXT NOT NULL, 
	installed_at_us BIGINT NOT NULL, 
	ended_at_us BIGINT, 
	reason TEXT NOT NULL, 
	token TEXT NOT NULL, 
	refresh_token TEXT NOT NULL, 
	expires_at_us BIGINT, 
	version INTEGER NOT NULL, 
	claimed_until_us BIGINT NOT NULL, 
	CONSTRAINT pk_installations PRIMARY KEY (platform, enterprise, team)
);
CREATE TABLE replica_notices (
	id INTEGER NOT NULL, 
	at_us BIGINT NOT NULL, 
	sender TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	content JSON NOT NULL, 
	CONSTRAINT pk_replica_notices PRIMARY KEY (id)
);
CREATE TABLE model_accounts (
	platform TEXT NOT NULL, 
	team TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	models TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	key_end TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	set_at_us BIGINT NOT NULL, 
	CONSTRAINT pk_model_accounts PRIMARY KEY (platform, team)
);
CREATE TABLE secret_keys (
	id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	at_us BIGINT NOT NULL, 
	CONSTRAINT pk_secret_keys PRIMARY KEY (id)
);
CREATE INDEX ix_audit_platform_team_id ON audit (platform, team, id);
CREATE INDEX ix_failures_code_id ON failures (code, id);
CREATE INDEX ix_failures_ref ON failures (ref);
CREATE INDEX ix_failures_turn_id ON failures (turn_id);
CREATE INDEX ix_feedback_at_us ON feedback (at_us);
CREATE INDEX ix_messages_channel ON messages (platform, team, channel, at_us);
CREATE INDEX ix_messages_order ON messages (platform, team, channel, thread, at_us, anchor, rank, message);
CREATE INDEX ix_posts_turn_id ON posts (turn_id);
CREATE INDEX ix_requests_at_us ON requests (at_us);
CREATE INDEX ix_source_opinions_source ON source_opinions (source);
CREATE INDEX ix_source_vectors_model_turn_id ON source_vectors (model, turn_id);
CREATE INDEX ix_sources_platform_team_channel ON sources (platform, team, channel);
CREATE INDEX ix_steps_pictured ON steps (pictured_at_us) WHERE pictured_at_us IS NOT NULL;
CREATE INDEX ix_threads_platform_at_us ON threads (platform, at_us);
CREATE INDEX ix_threads_platform_team_at_us ON threads (platform, team, at_us);
CREATE INDEX ix_turns_announced ON turns (platform, channel, ended_at_us) WHERE task IN ('usage', 'alert', 'budget', 'remove_quote', 'update_alert', 'operation');
CREATE INDEX ix_turns_asking ON turns (id) WHERE state = 'asking';
CREATE INDEX ix_turns_citing ON turns (id) WHERE cited IS NOT NULL;
CREATE INDEX ix_turns_held ON turns (id) WHERE state = 'held';
CREATE INDEX ix_turns_open ON turns (id) WHERE state IN ('waiting', 'running');
CREATE INDEX ix_turns_open_places ON turns (platform, team, channel, thread) WHERE state IN ('waiting', 'running');
CREATE INDEX ix_turns_quoting ON turns (platform, team, channel) WHERE quoted IS NOT NULL;
CREATE INDEX ix_turns_retried ON turns (again_of) WHERE again_of IS NOT NULL;
CREATE INDEX ix_turns_with_author ON turns (platform, team, channel, at_us) WHERE author <> '';
CREATE INDEX ix_uploads_at_us ON uploads (at_us);
CREATE INDEX ix_usage_at ON usage (at_us);
CREATE INDEX ix_usage_channel ON usage (platform, team, channel, at_us);
CREATE INDEX ix_usage_not_done ON usage (at_us) WHERE state <> 'done';
CREATE INDEX ix_usage_person ON usage (platform, person, turn_id);
CREATE INDEX ix_usage_thread ON usage (platform, team, channel, thread, model, turn_id);
INSERT INTO sqlite_sequence VALUES ('failures', 0);
INSERT INTO alembic_version VALUES ('0050');
