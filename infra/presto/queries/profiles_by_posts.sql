-- Which profiles post the most now? Counts the days that the stream keeps.
-- :rows  how many, or ALL (default: 20)
SELECT poster_name, posts, latest_follower_count, last_posted_at
FROM postgresql.public.profile_popularity
ORDER BY posts DESC, latest_follower_count DESC NULLS LAST, poster_name
LIMIT :rows
