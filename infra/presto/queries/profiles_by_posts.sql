-- Which profiles post the most now? Counted over the days that the stream keeps.
-- :rows  how many of them, or ALL; 20 unless given
SELECT poster_name, posts, latest_follower_count, last_posted_at
FROM postgresql.public.profile_popularity
ORDER BY posts DESC, latest_follower_count DESC NULLS LAST, poster_name
LIMIT :rows
